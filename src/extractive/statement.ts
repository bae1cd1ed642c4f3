import { isInstruction } from "../text/injection.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { type Piece, STATEMENT_WIDTH } from "./piece.ts";
import { isDump, widthOf } from "./prose.ts";
import type { Kind } from "./sections.ts";
import { isCleanNote, KEEP_FROM, worthOf } from "./selection.ts";
import { wordsOf } from "./words.ts";

/** Something one session says, ready to be printed: one plain line, safe, of a kind, with a worth. */
export interface Statement {
  readonly kind: Kind;
  readonly text: string;
  /** Log odds that it is worth keeping. */
  readonly worth: number;
  readonly speaker: Piece["speaker"];
}

/** A piece with what the model makes of it. */
export interface Weighed {
  readonly piece: Piece;
  readonly worth: number;
}

/** In how many of the sessions each identifier and each whole sentence occurs. */
export function spreadOf(sessions: Iterable<readonly Piece[]>): ReadonlyMap<string, number> {
  const spread = new Map<string, number>();
  for (const pieces of sessions) {
    const own = new Set(
      pieces.flatMap(({ text }) =>
        wordsOf(text)
          .filter(({ hard }) => hard)
          .map(({ stem }) => stem),
      ),
    );
    const sentences = new Set(pieces.map(({ text }) => sentenceKey(text)));
    // A session that was exported twice says nothing twice.
    const known = [...sentences].filter((sentence) => spread.has(sentence)).length;
    if (known < 4 || known <= sentences.size / 2) for (const sentence of sentences) own.add(sentence);
    for (const identifier of own) spread.set(identifier, (spread.get(identifier) ?? 0) + 1);
  }
  return spread;
}

/** The words of a sentence, whatever stands between them; no identifier looks like it. */
function sentenceKey(text: string): string {
  return ` ${
    text
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      ?.join(" ") ?? ""
  }`;
}

export function weigh(
  pieces: readonly Piece[],
  blocks: number,
  spread: ReadonlyMap<string, number>,
): readonly Weighed[] {
  const isClean = isCleanNote(pieces);
  return pieces.map((piece) => ({
    piece,
    worth: worthOf(piece, {
      isClean,
      echoes: spread.get(sentenceKey(piece.text)) ?? 1,
      position: (piece.block + 1) / Math.max(1, blocks),
      spreadOf: (identifier) => spread.get(identifier) ?? 1,
    }),
  }));
}

/** What is kept of one subject. Neighbours of one block that are both kept are one statement where they fit. */
export function statementsOf(weighed: readonly Weighed[]): readonly Statement[] {
  const statements: Statement[] = [];
  let last: Piece | null = null;
  for (const { piece, worth } of weighed) {
    if (worth < KEEP_FROM || isUseless(piece)) continue;
    // The sentence that speaks to a model may not be the one that harms, so the whole block goes.
    if (isInstruction(piece.source) || isInstruction(piece.text)) continue;
    const before = statements.at(-1);
    const isNext =
      last !== null &&
      last.block === piece.block &&
      last.place === piece.place - 1 &&
      last.kind === piece.kind;
    const joined = before === undefined ? "" : `${before.text} ${printed(piece)}`;
    if (before !== undefined && isNext && piece.speaker === "note" && widthOf(joined) <= STATEMENT_WIDTH)
      statements[statements.length - 1] = { ...before, text: joined, worth: Math.max(before.worth, worth) };
    else statements.push({ kind: piece.kind, text: printed(piece), worth, speaker: piece.speaker });
    last = piece;
  }
  return statements;
}

/** Nothing a model needs to judge: raw output, nothing but code, words that break off, a person's question. */
function isUseless({ text, speaker }: Piece): boolean {
  if (isDump(text) || /^`[^`]*`[.,;]?$/.test(text) || /[:：]$/.test(text)) return true;
  if (/…$|\.\.\.$/.test(text)) return true;
  return speaker === "person" && /[?？]|\.{3}.*\.{3}/.test(text);
}

/** A person's words stay words of a person, with what the note concludes from them. */
function printed({ text, speaker, conclusion }: Piece): string {
  const clean = withoutShapedSecrets(text);
  if (speaker === "note") return clean;
  return `"${clean.replaceAll('"', "'")}"${conclusion === "" ? "" : ` ${conclusion}`}`;
}
