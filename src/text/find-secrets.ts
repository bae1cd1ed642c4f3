import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import { scannedBy } from "./redact.ts";
import { SECRET_SHAPES } from "./secret-shapes.ts";

/** Where something has the shape of a secret, and which. What it is, is told to no one. */
export interface FoundSecret {
  /** From 1. */
  readonly line: number;
  readonly kind: string;
}

const REDACTED = "[REDACTED_SECRET]";

/** The same rules by which the import redacts, for text that is to be judged and not changed. One finding a line. */
export async function findSecrets(text: string): Promise<readonly FoundSecret[]> {
  const found = new Map<number, string>();
  const add = (at: number, kind: string) => {
    const line = lineAt(at);
    if (!found.has(line)) found.set(line, kind);
  };
  const lineAt = lineCounter(text);
  for (const { name, pattern, isSecret } of SECRET_SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const kept = match[1] ?? "";
      const value = match[0].slice(kept.length);
      if (!value.includes(REDACTED) && isSecret?.(value) !== false) add(match.index + kept.length, name);
    }
  }
  for (const rule of rules.filter(({ meta }) => meta.type === "scanner")) {
    const kind = rule.meta.id.replace(/^@secretlint\/secretlint-rule-/, "");
    for (const [at] of await scannedBy([rule], text)) add(at, kind);
  }
  return [...found].map(([line, kind]) => ({ line, kind })).sort((a, b) => a.line - b.line);
}

function lineCounter(text: string): (at: number) => number {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (at) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
