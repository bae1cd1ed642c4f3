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

/** Blocks of a Markdown-like note, in order, in time linear in its length. */
export function blocksOf(note: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { kind: "item" | "text"; indent: number; text: string } | null = null;
  let fence: { mark: string; lines: string[] } | null = null;
  let header: readonly string[] | null = null;
  const flush = () => {
    if (open?.kind === "item") blocks.push({ kind: "item", indent: open.indent, text: open.text });
    else if (open?.kind === "text" && open.text !== "") blocks.push({ kind: "text", text: open.text });
    open = null;
  };
  for (const full of note.split("\n")) {
    if (blocks.length >= mostBlocks) break;
    const line = full.length > longest ? full.slice(0, longest) : full;
    const fenceMark: string | undefined = /^\s{0,12}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== null) {
      if (fenceMark?.startsWith(fence.mark) && line.trim() === fenceMark) {
        blocks.push({ kind: "code", lines: fence.lines });
        fence = null;
      } else if (fence.lines.length < 20) fence.lines.push(line);
      continue;
    }
    if (fenceMark !== undefined && !line.trim().slice(fenceMark.length).includes(fenceMark.charAt(0))) {
      flush();
      fence = { mark: fenceMark, lines: [] };
      continue;
    }
    const cells: readonly string[] | null = cellsOf(line);
    if (cells !== null) {
      flush();
      if (header === null) header = cells;
      else if (!cells.every((cell) => /^:?-*:?$/.test(cell))) blocks.push({ kind: "row", cells, header });
      continue;
    }
    header = null;
    const heading = headingOf(line);
    const item = heading === null ? /^(\s*)(?:[-*+•◦▪‣]|\(?\d{1,3}[.)])\s+(\S.*)$/.exec(line) : null;
    if (line.trim() === "") flush();
    else if (heading !== null) {
      flush();
      blocks.push(heading);
    } else if (item !== null) {
      flush();
      open = { kind: "item", indent: width(item[1] ?? ""), text: item[2] ?? "" };
    } else if (open !== null && /^[=-]{3,}\s*$/.test(line)) {
      const { text } = open as { text: string };
      open = null;
      if (text.length <= 120) blocks.push({ kind: "heading", level: 2, text });
    } else if (/^\s*(?:[-*_]\s*){3,}$/.test(line)) flush();
    else if (open === null) open = { kind: "text", indent: 0, text: line.trim() };
    else if (open.text.length < longest)
      open = {
        ...(open as { kind: "item" | "text"; indent: number; text: string }),
        text: joined((open as { text: string }).text, line.trim()),
      };
  }
  flush();
  return blocks;
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
  if (bold !== undefined) return { kind: "heading", level: 5, text: bold };
  const label = /^(\p{L}[^.!?`"“]{1,70})[:：]$/u.exec(line)?.[1];
  return label !== undefined && label.split(/\s+/).length <= 8
    ? { kind: "heading", level: 5, text: label }
    : null;
}
