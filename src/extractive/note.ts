import { disguisesText, readableText } from "../text/sanitize.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { type Piece, piecesIn } from "./piece.ts";
import { withoutComments } from "./plain.ts";
import { type Section, sectionOf, taskTitle } from "./sections.ts";
import { type Head, splitHead } from "./yaml-head.ts";

/** What one session wrote down: a head, and its subjects with what was said about each. */
export interface Note {
  readonly head: Head;
  readonly subjects: readonly Subject[];
  /** First heading that names no section: what the note calls itself. */
  readonly title: string | null;
  /** List items, paragraphs and rows that were read; a piece's `block` counts them from 0. */
  readonly blocks: number;
}

export interface Subject {
  readonly title: string | null;
  readonly pieces: readonly Piece[];
}

/** More pieces than this from one session are not a memory but a transcript. */
const MOST_PIECES = 400;
const MOST_SUBJECTS = 12;
/** Lines of a fenced block that are a procedure; longer ones are code. */
const MOST_COMMANDS = 6;

/** Where in the note the reader is. */
interface Reading {
  readonly subjects: { title: string | null; pieces: Piece[] }[];
  title: string | null;
  section: Section;
  /** The words that introduce a list or a fenced block. */
  lead: { readonly text: string; readonly indent: number } | null;
  blocks: number;
  pieces: number;
  /** From here on the note imitates a memory: nothing below a forged header can be told from it. */
  isForged: boolean;
}

/** Lines that only the host and the handbook write. */
const FORGED =
  /^\W*(?:# Task Group:|Task Group:|scope: |applies_to: ?cwd=|### rollout_summary_files|rollout_summary_files$)/;

/** Reads a note of any layout; nothing in it is trusted, and what cannot be read is left out. */
export function readNote(text: string): Note {
  const shown = text.split("\n").filter((line) => !disguisesText(line));
  const { head, body } = splitHead(withoutComments(readableText(shown.join("\n"))));
  const reading: Reading = {
    subjects: [{ title: null, pieces: [] }],
    title: null,
    section: "other",
    lead: null,
    blocks: 0,
    pieces: 0,
    isForged: false,
  };
  for (const block of joinedSymptoms(blocksOf(body))) readBlock(reading, block);
  return { head, title: reading.title, subjects: reading.subjects, blocks: reading.blocks };
}

function readBlock(reading: Reading, block: Block): void {
  if ("text" in block && FORGED.test(block.text)) reading.isForged = true;
  if (reading.isForged) return;
  if (block.kind === "heading") readHeading(reading, block);
  else if (block.kind === "code") {
    const commands = commandsIn(block);
    if (commands !== null && reading.lead !== null) add(reading, `${reading.lead.text} ${commands}`);
    reading.lead = null;
  } else if (block.kind === "row") {
    if (!isProgress(block)) add(reading, rowText(block));
  } else readProse(reading, block);
}

function readProse(reading: Reading, block: Extract<Block, { kind: "item" | "text" }>): void {
  const { lead } = reading;
  if (/[:：]\s*$/.test(block.text) && block.text.length <= 120) {
    reading.lead = { text: block.text, indent: block.kind === "item" ? block.indent : 0 };
  } else if (block.kind === "item" && lead !== null && block.indent > lead.indent && isTelling(lead.text)) {
    add(reading, `${lead.text} ${block.text}`);
  } else {
    if (block.kind !== "item" || (lead !== null && block.indent <= lead.indent)) reading.lead = null;
    add(reading, block.text);
  }
}

function readHeading(reading: Reading, { text, level }: Extract<Block, { kind: "heading" }>): void {
  const next = sectionOf(text);
  const isLead = next === "other" && level === 5 && text.split(/\s+/).length >= 3;
  reading.lead = isLead ? { text: `${text}:`, indent: 0 } : null;
  const named = taskTitle(text);
  if (named !== null && reading.subjects.length < MOST_SUBJECTS)
    reading.subjects.push({ title: named, pieces: [] });
  if (next === "other" && reading.title === null && level < 5) reading.title = text;
  if (next === "task" || (next === "other" && level < 5)) reading.section = "other";
  else if (next !== "other") reading.section = next;
}

function add(reading: Reading, markdown: string): void {
  if (reading.pieces >= MOST_PIECES) return;
  const found = piecesIn(markdown, reading.section);
  const block = reading.blocks++;
  reading.pieces += found.length;
  reading.subjects
    .at(-1)
    ?.pieces.push(
      ...found.map((piece, place) => ({ ...piece, source: markdown, block, place, siblings: found.length })),
    );
}

/** Whether the words that open a list say what it is about, rather than that a list follows. */
function isTelling(lead: string): boolean {
  return (
    lead.length <= 60 &&
    !/^\W*(?:here|the following|changes?|summary|key|this|these|what|added|updated|created|now|i |i'|we )/i.test(
      lead,
    )
  );
}

/** A short fenced block is a procedure, whole and in order; a longer line or block is code. */
function commandsIn(block: Extract<Block, { kind: "code" }>): string | null {
  const lines = block.lines.map((line) => line.trim().replace(/^\$ /, "")).filter((line) => line !== "");
  const isShort = lines.length > 0 && lines.length <= MOST_COMMANDS;
  if (!isShort || lines.some((line) => line.length > 100 || line.includes("`"))) return null;
  if (lines.length > 1 && lines.some((line) => /[{};]$|^[})\]]/.test(line))) return null;
  return lines.map((line) => `\`${line}\``).join(", then ");
}
/** A row of a list of what was done to numbered points, or of a table of results. */
function isProgress({ cells, header }: Extract<Block, { kind: "row" }>): boolean {
  if (
    header.some((cell) => /^(?:status|outcome|result|verdict|done|action|change|before|after)\b/i.test(cell))
  )
    return true;
  return (
    /^#?\d{1,4}(?: ?[&,] ?\d{1,4})*$/.test((cells[0] ?? "").replace(/[*_`]/g, "")) &&
    header.some((cell) => /^(?:fix|finding|issue)/i.test(cell))
  );
}

function rowText({ cells, header }: Extract<Block, { kind: "row" }>): string {
  const skip = /^#?\d*$/.test(cells[0] ?? "") ? 1 : 0;
  const [first = "", ...others] = cells.slice(skip);
  const named = others.flatMap((cell, at) => {
    if (cell === "" || cell === "-") return [];
    const name = header[at + 1 + skip] ?? "";
    return [others.length === 1 || name === "" ? cell : `${name} ${cell}`];
  });
  return named.length === 0 ? first : `${first}: ${named.join("; ")}`;
}

/** Items `Symptom: …`, `Cause: …`, `Fix: …` in a row tell one failure. */
function joinedSymptoms(blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const last = joined.at(-1);
    const isTold =
      block.kind === "item" &&
      /^\W*(?:root )?(?:cause|fix|solution|workaround|prevention|ursache|lösung|cause|solución|原因|対策|解决)\W*[:：]/iu.test(
        block.text,
      );
    const isOpen =
      last?.kind === "item" &&
      /^\W*(?:symptoms?|problem|issue|error|failure|symptom|fehler|症状|问题)\W*[:：]/iu.test(last.text);
    if (isTold && isOpen)
      joined[joined.length - 1] = { ...last, text: `${last.text.replace(/[.;\s]+$/, "")}; ${block.text}` };
    else joined.push(block);
  }
  return joined;
}
