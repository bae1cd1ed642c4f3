import { disguisesText, readableText } from "../text/sanitize.ts";
import { type Piece, piecesIn } from "./piece.ts";
import { withoutComments } from "./prose.ts";
import { type Section, sectionOf, taskTitle } from "./sections.ts";

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
    const isNarrated =
      block.kind === "item" &&
      /^\W*(?:root )?(?:cause|fix|solution|workaround|prevention|ursache|lösung|cause|solución|原因|対策|解决)\W*[:：]/iu.test(
        block.text,
      );
    const isOpen =
      last?.kind === "item" &&
      /^\W*(?:symptoms?|problem|issue|error|failure|symptom|fehler|症状|问题)\W*[:：]/iu.test(last.text);
    if (isNarrated && isOpen)
      joined[joined.length - 1] = { ...last, text: `${last.text.replace(/[.;\s]+$/, "")}; ${block.text}` };
    else joined.push(block);
  }
  return joined;
}

/** A piece of a note, read line by line: structure is recognised, never trusted. */
type Block =
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "item"; readonly indent: number; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "row"; readonly cells: readonly string[]; readonly header: readonly string[] }
  | { readonly kind: "code"; readonly lines: readonly string[] };

/** No statement is longer than this; what lies beyond it in one paragraph is never read. */
const longest = 6_000;
const mostBlocks = 4_000;

/** What is being read: a paragraph or item that the next line may continue, a fence, a table. */
interface BlockReading {
  readonly blocks: Block[];
  open: { readonly kind: "item" | "text"; readonly indent: number; text: string } | null;
  fence: { readonly mark: string; readonly lines: string[] } | null;
  header: readonly string[] | null;
}

/** Blocks of a Markdown-like note, in order, in time linear in its length. */
function blocksOf(note: string): readonly Block[] {
  const reading: BlockReading = { blocks: [], open: null, fence: null, header: null };
  for (const line of note.split("\n")) {
    if (reading.blocks.length >= mostBlocks) break;
    readLine(reading, line.slice(0, longest));
  }
  close(reading);
  return reading.blocks;
}

function readLine(reading: BlockReading, line: string): void {
  if (readFence(reading, line) || readRow(reading, line)) return;
  const heading = headingOf(line);
  const item = heading === null ? /^(\s*)(?:[-*+•◦▪‣]|\(?\d{1,3}[.)])\s+(\S.*)$/.exec(line) : null;
  if (line.trim() === "") close(reading);
  else if (heading !== null) {
    close(reading);
    reading.blocks.push(heading);
  } else if (reading.open !== null && /^(?:={3,}|-{3,})\s*$/.test(line)) {
    const { text } = reading.open;
    reading.open = null;
    if (text.length <= 120) reading.blocks.push({ kind: "heading", level: 2, text });
  } else if (/^\s*(?:[-*_]\s*){3,}$/.test(line)) close(reading);
  else if (item !== null) {
    close(reading);
    reading.open = { kind: "item", indent: width(item[1] ?? ""), text: item[2] ?? "" };
  } else if (reading.open === null) reading.open = { kind: "text", indent: 0, text: line.trim() };
  else if (reading.open.text.length < longest) reading.open.text = joined(reading.open.text, line.trim());
}

function close(reading: BlockReading): void {
  const { open, blocks } = reading;
  if (open?.kind === "item") blocks.push({ kind: "item", indent: open.indent, text: open.text });
  else if (open !== null && open.text !== "") blocks.push({ kind: "text", text: open.text });
  reading.open = null;
}

/** Whether the line belongs to a fenced block or begins one. */
function readFence(reading: BlockReading, line: string): boolean {
  const mark = /^\s{0,12}(`{3,}|~{3,})/.exec(line)?.[1];
  if (reading.fence !== null) {
    if (mark?.startsWith(reading.fence.mark) && line.trim() === mark) {
      reading.blocks.push({ kind: "code", lines: reading.fence.lines });
      reading.fence = null;
    } else if (reading.fence.lines.length < 20) reading.fence.lines.push(line);
    return true;
  }
  if (mark === undefined || line.trim().slice(mark.length).includes(mark.charAt(0))) return false;
  close(reading);
  reading.fence = { mark, lines: [] };
  return true;
}

/** Whether the line is a row of a table; the first one is its header. */
function readRow(reading: BlockReading, line: string): boolean {
  const cells = cellsOf(line);
  const { header } = reading;
  if (cells === null) reading.header = null;
  else {
    close(reading);
    if (header === null) reading.header = cells;
    else if (!cells.every((cell) => /^:?-*:?$/.test(cell)))
      reading.blocks.push({ kind: "row", cells, header });
  }
  return cells !== null;
}

/** Wrapped lines become one; Chinese and Japanese take no space at the seam. */
function joined(text: string, line: string): string {
  const wide = /[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]$/;
  return wide.test(text) && /^[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]/.test(line)
    ? text + line
    : `${text} ${line}`;
}

function width(indent: string): number {
  return indent.replace(/\t/g, "    ").length;
}

function cellsOf(line: string): readonly string[] | null {
  const trimmed = line.trim();
  if (!trimmed.startsWith("|") || trimmed.length < 5 || trimmed.indexOf("|", 1) < 0) return null;
  return trimmed
    .replace(/^\||\|$/g, "")
    .split("|", 12)
    .map((cell) => cell.trim());
}

/** `## Title`, a short line that ends in a colon, or a line that is nothing but bold text. */
function headingOf(line: string): Block | null {
  const marked = /^\s{0,3}(#{1,6})\s+(\S.*)$/.exec(line);
  if (marked !== null)
    return {
      kind: "heading",
      level: marked[1]?.length ?? 1,
      text: (marked[2] ?? "").replace(/\s*#+\s*$/, ""),
    };
  const trimmed = line.trim();
  if (trimmed.length > 80) return null;
  const bold = /^\*\*([^*]+)\*\*\s*[:：]?$/.exec(trimmed)?.[1];
  if (bold !== undefined && !isSentence(bold)) return { kind: "heading", level: 5, text: bold };
  const label = /^(\p{L}[^.!?`"“]{1,70})[:：]$/u.exec(line)?.[1];
  return label !== undefined && label.split(/\s+/).length <= 8
    ? { kind: "heading", level: 5, text: label }
    : null;
}

/** A line in bold type says something of its own when it is long or ends like a sentence. */
function isSentence(text: string): boolean {
  return text.trim().split(/\s+/).length > 6 || /[.!。！]$/.test(text.trim());
}

/** The fields of a note's head that are of use; every one may be missing. All of it is untrusted text. */
interface Head {
  readonly description: string | null;
  readonly task: string | null;
  readonly taskGroup: string | null;
  readonly keywords: readonly string[];
}

const known =
  /^(description|title|task|task_group|task_outcome|outcome|cwd|keywords|tags|rollout_summary_files?|git_branch|date|author|updated_at|thread_id|source|agent|model|status|name|type|version|created|session)\s*:(.*)$/i;

/**
 * Takes the head off a note, whole, unclosed, or written without its dashes. The rest is returned as it is: a `---`
 * that begins no head is a rule, not the start of one.
 */
function splitHead(note: string): { readonly head: Head; readonly body: string } {
  const lines = note.split("\n", 80);
  let at = lines.findIndex((line) => line.trim() !== "");
  if (at < 0) return { head: headFrom([]), body: note };
  const dashed = lines[at]?.trim() === "---";
  if (dashed) at++;
  const close = dashed
    ? lines.findIndex((line, index) => index >= at && /^(?:---|\.\.\.)\s*$/.test(line))
    : -1;
  const isHead = (line: string) => known.test(line.trim()) || /^\s+\S|^\s*-\s+\S/.test(line);
  const fits =
    close >= 0 &&
    lines.slice(at, close).every((line) => line.trim() === "" || /^\s*(?:[\w-]+\s*:|-\s|#|\s)/.test(line));
  if (fits) return { head: headFrom(lines.slice(at, close)), body: rest(note, close + 1) };
  let end = at;
  let fields = 0;
  while (
    end < lines.length &&
    ((end > at && isHead(lines[end] ?? "")) || known.test((lines[end] ?? "").trim()))
  ) {
    if (known.test((lines[end] ?? "").trim())) fields++;
    else if (!/^\s/.test(lines[end] ?? "")) break;
    end++;
  }
  if (fields < (dashed ? 1 : 2)) return { head: headFrom([]), body: dashed ? rest(note, at) : note };
  if (lines[end]?.trim() === "---") end++;
  return { head: headFrom(lines.slice(at, end)), body: rest(note, end) };
}

function rest(note: string, line: number): string {
  let at = 0;
  for (let skipped = 0; skipped < line; skipped++) {
    const next = note.indexOf("\n", at);
    if (next < 0) return "";
    at = next + 1;
  }
  return note.slice(at);
}

function headFrom(lines: readonly string[]): Head {
  const fields = new Map<string, string[]>();
  let last: string[] | null = null;
  for (const line of lines) {
    const field = /^\s{0,2}([A-Za-z_]{2,30})\s*:\s*(.*)$/.exec(line.slice(0, 2_000));
    if (field !== null) {
      last = [field[2] ?? ""];
      fields.set((field[1] ?? "").toLowerCase(), last);
    } else if (line.trim() !== "") last?.push(line.trim().slice(0, 500));
  }
  const text = (name: string) => {
    const value = (fields.get(name) ?? []).filter((part) => !/^[>|][+-]?$/.test(part)).join(" ");
    return unquoted(value) || null;
  };
  const words = [...(fields.get("keywords") ?? []), ...(fields.get("tags") ?? [])].flatMap((part) =>
    part.replace(/^[[-]\s*|\]$/g, "").split(/[,;、，]/),
  );
  return {
    description: text("description") ?? text("title"),
    task: text("task"),
    taskGroup: text("task_group"),
    keywords: words.map(unquoted).filter((word) => word !== ""),
  };
}

function unquoted(value: string): string {
  return value
    .trim()
    .replace(/^(["'])(.*)\1$/s, "$2")
    .trim();
}
