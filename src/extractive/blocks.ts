/** A piece of a note, read line by line: structure is recognised, never trusted. */
export type Block =
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
export function blocksOf(note: string): readonly Block[] {
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
