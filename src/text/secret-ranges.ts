import { contextOf, disjoint, type Range, REDACTED, scanners, sourceOf } from "./redact.ts";
import { SECRET_SHAPES } from "./secret-shapes.ts";

/**
 * Where a text has the shape of a secret, by the rules of the import, in order and without overlaps. At once, for
 * places that can't wait: the scanners of the rule set all do their work before they return.
 */
export function secretRanges(text: string): readonly Range[] {
  const own = [...shapesIn(text)].filter((range) => !isRedacted(text, range));
  // Our own shapes keep the name beside the value, the scanners may not: where both find it, ours are right.
  const others = scannedIn(text).filter((range) => !isRedacted(text, range) && !own.some(overlaps(range)));
  return disjoint([...own, ...others]);
}

/** The text without its secrets, as the import would keep it. */
export function withoutSecrets(text: string): string {
  return masked(text, 0, secretRanges(text));
}

/** A piece that begins at `at` of the text these ranges are of. */
export function masked(piece: string, at: number, ranges: readonly Range[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const [from, to] of ranges) {
    const [start, end] = [Math.max(done, from - at), Math.min(piece.length, to - at)];
    if (end <= start) continue;
    parts.push(piece.slice(done, start), REDACTED);
    done = end;
  }
  return [...parts, piece.slice(done)].join("");
}

function* shapesIn(text: string): Iterable<Range> {
  for (const { pattern, isSecret } of SECRET_SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const from = match.index + (match[1]?.length ?? 0);
      const to = match.index + match[0].length;
      if (isSecret?.(text.slice(from, to)) !== false) yield [from, to];
    }
  }
}

function scannedIn(text: string): readonly Range[] {
  const found: Range[] = [];
  const [context, source] = [contextOf(found), sourceOf(text)];
  for (const scanner of scanners) void scanner.create(context, {}).file?.(source);
  return found;
}

function isRedacted(text: string, [from, to]: Range): boolean {
  return text.slice(from, to).includes(REDACTED);
}

function overlaps([from, to]: Range): (other: Range) => boolean {
  return ([start, end]) => start < to && end > from;
}
