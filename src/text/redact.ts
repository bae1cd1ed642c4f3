import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import type { SecretLintRuleContext, SecretLintSourceCode } from "@secretlint/types";
import {
  disjoint,
  maskRanges,
  type Range,
  REDACTED,
  readerViews,
  type ShapedSecret,
  shapedSecrets,
} from "./secret-shapes.ts";

export { maskRanges, type Range } from "./secret-shapes.ts";

/**
 * The one redactor: at the import, in transcripts and logs, and in the gate. Our own shapes (`secret-shapes.ts`) first,
 * which keep the name beside the value, then the scanners of secretlint. Linear in the length of the text.
 */
export function redact(text: string): Redaction {
  const ranges = secretRanges(text);
  return { text: maskRanges(text, 0, ranges), count: ranges.length };
}

export interface Redaction {
  readonly text: string;
  /** How many secrets were replaced. What they were is told to no one. */
  readonly count: number;
}

/** Where a text has the shape of a secret, in order and without overlaps. What is redacted already is none. */
export function secretRanges(text: string): readonly Range[] {
  return disjoint(secretsIn(text).map(({ from, to }) => [from, to]));
}

/** The text without its secrets, as the import would keep it. */
export function withoutSecrets(text: string): string {
  return redact(text).text;
}

/** Where something has the shape of a secret, and which. What it is, is told to no one. */
export interface FoundSecret {
  /** From 1. */
  readonly line: number;
  readonly kind: string;
}

/** By the same rules, for text that is to be judged and not changed. One finding a line. */
export function findSecrets(text: string): readonly FoundSecret[] {
  const found = new Map<number, string>();
  const lineAt = lineCounter(text);
  for (const { from, kind } of secretsIn(text)) {
    const line = lineAt(from);
    if (!found.has(line)) found.set(line, kind);
  }
  return [...found].map(([line, kind]) => ({ line, kind })).sort((a, b) => a.line - b.line);
}

function secretsIn(text: string): readonly ShapedSecret[] {
  const own = shapedSecrets(text);
  // Our own shapes keep the name beside the value, the scanners may not: where both find it, ours are right.
  const covered = disjoint(own.map(({ from, to }) => [from, to]));
  const others = scannedSecrets(text).filter((secret) => !overlapsAny(covered, secret));
  return [...own, ...others];
}

/** `ranges` are in order, so that thousands of them on both sides take no quadratic time. */
function overlapsAny(ranges: readonly Range[], { from, to }: ShapedSecret): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle] as Range)[1] <= from) low = middle + 1;
    else high = middle;
  }
  const next = ranges[low];
  return next !== undefined && next[0] < to;
}

/**
 * secretlint's filter rule lets a comment in the text switch scanners off. This text is not to be trusted, so
 * only its scanners run, without the linter around them (which also takes quadratic time in what is found).
 * They do all their work before they return.
 */
const SCANNERS = rules.filter((rule) => rule.meta.type === "scanner");

function scannedSecrets(text: string): readonly ShapedSecret[] {
  const found: ShapedSecret[] = [];
  for (const view of readerViews(text)) {
    const source = sourceOf(view.text);
    for (const scanner of SCANNERS) {
      const kind = scanner.meta.id.replace(/^@secretlint\/secretlint-rule-/, "");
      const context: SecretLintRuleContext = {
        sharedOptions: {},
        createTranslator: () => (messageId, data) => ({ message: "", messageId: String(messageId), data }),
        report: ({ range }) => {
          const [from, to] = view.original(range[0], range[1]);
          if (!text.slice(from, to).includes(REDACTED)) found.push({ from, to, kind });
        },
        ignore: () => {},
      };
      void scanner.create(context, {}).file?.(source);
    }
  }
  return found;
}

/** Only the content counts: places are reported as ranges, and there is no file. */
function sourceOf(content: string): SecretLintSourceCode {
  const noPlaces = () => {
    throw new Error("places in the text are not known here");
  };
  return {
    content,
    hasBOM: false,
    filePath: undefined,
    physicalFilePath: undefined,
    contentType: "text",
    ext: "",
    getFilePath: () => undefined,
    getPhysicalFilePath: () => undefined,
    locationToRange: noPlaces,
    rangeToLocation: noPlaces,
    positionToIndex: noPlaces,
    indexToPosition: noPlaces,
  };
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
