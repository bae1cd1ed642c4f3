import { breath } from "../memory-files/breath.ts";
import { isInstruction } from "../text/instructions.ts";
import { disguises, shown } from "./hidden-text.ts";
import { ORDERS } from "./orders.ts";
import { readings } from "./readings.ts";

/** Lines (from 1, both included) that speak to agents, or hide something from the person who reads them. */
export interface Suspicion {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

/** Instructions broken over lines are joined again; longer ones than this give themselves away in part. */
const JOINED = 3;
const MOST_JOINED = 2_000;

export async function suspicionsIn(text: string): Promise<readonly Suspicion[]> {
  const lines = text.split("\n");
  const kindOf = remembering();
  const breathe = breath();
  const found = [...comments(lines)];
  const isTold = new Set(found.flatMap(({ from, to }) => numbersBetween(from, to)));
  for (const [at, line] of lines.entries()) {
    await breathe();
    const kind = isTold.has(at + 1) ? null : kindOf(line);
    if (kind === null) continue;
    found.push({ from: at + 1, to: at + 1, kind });
    isTold.add(at + 1);
  }
  for (let at = 0; at < lines.length - 1; at += 1) {
    await breathe();
    const broken = brokenOrder(lines, at, isTold, kindOf);
    if (broken === null) continue;
    found.push(broken);
    for (const number of numbersBetween(broken.from, broken.to)) isTold.add(number);
  }
  return found.sort((a, b) => a.from - b.from);
}

type KindOf = (line: string) => string | null;

/** Notes repeat themselves, and looking at a line takes time. */
function remembering(): KindOf {
  const known = new Map<string, string | null>();
  return (line) => {
    for (const piece of piecesOf(line)) {
      const before = known.get(piece);
      const kind = before === undefined ? suspicionOf(piece) : before;
      known.set(piece, kind);
      if (kind !== null) return kind;
    }
    return null;
  };
}

/** Long lines are looked at in pieces that overlap. */
const PIECE = 4_000;
const OVERLAP = 400;

function piecesOf(line: string): readonly string[] {
  if (line.length <= PIECE) return line.trim() === "" ? [] : [line];
  const count = Math.ceil((line.length - OVERLAP) / (PIECE - OVERLAP));
  return Array.from({ length: count }, (_, n) =>
    line.slice(n * (PIECE - OVERLAP), n * (PIECE - OVERLAP) + PIECE),
  );
}

function suspicionOf(piece: string): string | null {
  if (disguises(piece)) return "hidden characters";
  const seen = shown(piece);
  if (LINKS.some((pattern) => pattern.test(seen))) return "a link that runs or sends something";
  return readings(seen).some(isOrder) ? "an order to agents" : null;
}

function isOrder(text: string): boolean {
  return isInstruction(text) || ORDERS.some((pattern) => pattern.test(text));
}

const LINKS: readonly RegExp[] = [
  /(?:\]\(|<|^\s*\[[^\]]{1,80}\]:|\b(?:href|src)\s?=)\s{0,4}["'<]?\s{0,4}(?:javascript|vbscript|data)\s{0,2}:/i,
  /\bdata:text\/(?:html|javascript)|\bjavascript:\s?[\w(]+\s?\(/i,
  /!\[[^\]]{0,200}\]\(\s?https?:\/\/[^)\s]{1,300}\?[^)]{0,300}\)/i,
];

/** Comments in HTML are read by models and not by people; in code spans both see them. */
function comments(lines: readonly string[]): readonly Suspicion[] {
  const kind = "a hidden comment";
  const found: Suspicion[] = [];
  let from = 0;
  let isCode = false;
  lines.forEach((line, at) => {
    const number = at + 1;
    if (from === 0 && /^\s{0,3}(?:```|~~~)/.test(line)) isCode = !isCode;
    if (isCode) return;
    const plain = line.replace(/`[^`\n]*`/g, "");
    if (from > 0) {
      if (!plain.includes("-->")) return;
      found.push({ from, to: number, kind });
      from = 0;
    } else if (plain.includes("<!--")) {
      if (plain.indexOf("-->", plain.lastIndexOf("<!--")) >= 0)
        found.push({ from: number, to: number, kind });
      else from = number;
    }
  });
  // Without its end it hides nothing but itself once its line is gone.
  if (from > 0) found.push({ from, to: from, kind });
  return found;
}

function brokenOrder(
  lines: readonly string[],
  at: number,
  isTold: ReadonlySet<number>,
  kindOf: KindOf,
): Suspicion | null {
  for (let size = 2; size <= JOINED; size += 1) {
    const part = lines.slice(at, at + size);
    const isFree = numbersBetween(at + 1, at + size).every((number) => !isTold.has(number));
    if (part.length < size || !isFree || !isOneSentence(part)) return null;
    const joined = part.map((line) => line.trim()).join(" ");
    if (joined.length > MOST_JOINED || kindOf(joined) === null) continue;
    return { from: at + 1, to: at + size, kind: "an order to agents, broken over lines" };
  }
  return null;
}

/** A new bullet, heading or paragraph begins a new thought. */
function isOneSentence([first = "", ...rest]: readonly string[]): boolean {
  return (
    first.trim() !== "" &&
    rest.every((line) => line.trim() !== "" && !/^\s*(?:[-*+#>|]|\d+[.)])\s/.test(line))
  );
}

function numbersBetween(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
