import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import type { SecretLintRuleContext, SecretLintSourceCode } from "@secretlint/types";
import { SECRET_SHAPES } from "./secret-shapes.ts";

export const REDACTED = "[REDACTED_SECRET]";

export interface Redaction {
  readonly text: string;
  /** How many secrets were replaced. What they were is told to no one. */
  readonly count: number;
}

/**
 * Replaces what has the shape of a secret: first our own shapes, which keep the name beside the value, then the
 * scanners of secretlint. Doing it again changes nothing. Linear in the length of the text.
 */
export async function redacted(text: string): Promise<Redaction> {
  const own = replacedShapes(text);
  const ranges = await scanned(own.text);
  return { text: replacedRanges(own.text, ranges), count: own.count + ranges.length };
}

function replacedShapes(text: string): Redaction {
  let count = 0;
  const replaced = SECRET_SHAPES.reduce(
    (rest, { pattern, isSecret }) =>
      rest.replace(pattern, (match: string, ...groups: unknown[]) => {
        // Without a capture group the first extra argument is the offset.
        const kept = typeof groups[0] === "string" ? groups[0] : "";
        const value = match.slice(kept.length);
        if (value.includes(REDACTED) || isSecret?.(value) === false) return match;
        count += 1;
        return `${kept}${REDACTED}`;
      }),
    text,
  );
  return { text: replaced, count };
}

export type Range = readonly [from: number, to: number];

/**
 * secretlint's filter rule lets a comment in the text switch scanners off. This text is not to be trusted, so
 * only its scanners run, without the linter around them (which also takes quadratic time in what is found).
 */
export const scanners = rules.filter((rule) => rule.meta.type === "scanner");

function scanned(text: string): Promise<readonly Range[]> {
  return scannedBy(scanners, text);
}

/** Where these scanners find something that isn't redacted already; in order, without overlaps. */
export async function scannedBy(by: typeof rules, text: string): Promise<readonly Range[]> {
  const found: Range[] = [];
  const context = contextOf(found);
  const source = sourceOf(text);
  for (const scanner of by) await scanner.create(context, {}).file?.(source);
  return disjoint(found.filter(([from, to]) => !text.slice(from, to).includes(REDACTED)));
}

/** Collects where something was found. */
export function contextOf(found: Range[]): SecretLintRuleContext {
  return {
    sharedOptions: {},
    createTranslator: () => (messageId, data) => ({ message: "", messageId: String(messageId), data }),
    report: ({ range }) => void found.push(range),
    ignore: () => {},
  };
}

/** Only the content counts: places are reported as ranges, and there is no file. */
export function sourceOf(content: string): SecretLintSourceCode {
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

export function disjoint(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last === undefined || range[0] >= last[1]) merged.push(range);
    else merged[merged.length - 1] = [last[0], Math.max(last[1], range[1])];
  }
  return merged;
}

function replacedRanges(text: string, ranges: readonly Range[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    parts.push(text.slice(at, from), REDACTED);
    at = to;
  }
  return [...parts, text.slice(at)].join("");
}
