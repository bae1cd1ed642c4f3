import {
  applyEdits,
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  modify,
  type Node,
  type ParseError,
  parseTree,
} from "jsonc-parser";

/**
 * Entries of ours in a JSON file that is a person's. Comments and every other byte stay: an entry is put in as one or a few
 * pieces of text, and taking it out cuts the same pieces again.
 */
export interface Entry {
  /** The list or object it goes into, made when it is missing. */
  readonly into: JSONPath;
  /** In an object: its name there; null: into a list. */
  readonly name: string | null;
  readonly value: unknown;
}

export interface Inserted {
  readonly text: string;
  /** One an entry, in their order; empty for an entry that stood there before and is not ours. */
  readonly pieces: readonly string[];
}

/** Null: the file is no JSON that an entry can be put into. */
export function withEntries(text: string, entries: readonly Entry[]): Inserted | null {
  const pieces: string[] = [];
  let now = text;
  for (const entry of entries) {
    if (hasEntry(now, entry)) {
      pieces.push("");
      continue;
    }
    const next = insert(now, entry);
    if (next === null) return null;
    pieces.push(next.piece);
    now = next.text;
  }
  return { text: now, pieces };
}

function insert(text: string, entry: Entry): { text: string; piece: string } | null {
  const root = treeOf(text);
  if (root?.type !== "object") return null;
  const { into, name, value } = entry;
  let at = root;
  let depth = 0;
  for (; depth < into.length; depth += 1) {
    const next = findNodeAtLocation(at, [into[depth] ?? ""]);
    if (next === undefined) break;
    at = next;
  }
  const missing = into.slice(depth);
  if (missing.length > 0) {
    const leaf = name === null ? [value] : { [name]: value };
    const nested = missing.slice(1).reduceRight<unknown>((inner, key) => ({ [key]: inner }), leaf);
    return at.type === "object" ? put(text, at, String(missing[0]), nested) : null;
  }
  if (at.type !== (name === null ? "array" : "object")) return null;
  if (name !== null && findNodeAtLocation(at, [name]) !== undefined) return null;
  return put(text, at, name, value);
}

/** After the last child, laid out as that one is; nothing but the new text changes. */
function put(
  text: string,
  parent: Node,
  name: string | null,
  value: unknown,
): { text: string; piece: string } {
  const last = parent.children?.at(-1);
  const { indent, eol } = layoutOf(text);
  const isSpread = last === undefined && /^\{\s*\n\}/.test(text.slice(parent.offset));
  const before = last === undefined ? "" : (/\s*$/.exec(text.slice(0, last.offset))?.[0] ?? "");
  const gap = isSpread ? `${eol}${indent}` : before;
  const isOwnLine = gap.includes("\n");
  const margin = isOwnLine ? gap.slice(gap.lastIndexOf("\n") + 1) : "";
  const json = isOwnLine
    ? JSON.stringify(value, null, indent).replaceAll("\n", `${eol}${margin}`)
    : JSON.stringify(value);
  const entry = name === null ? json : `${JSON.stringify(name)}: ${json}`;
  const piece = last === undefined ? `${gap}${entry}` : `,${gap === "" ? " " : gap}${entry}`;
  const offset = last === undefined ? parent.offset + 1 : last.offset + last.length;
  return { text: text.slice(0, offset) + piece + text.slice(offset), piece };
}

export function hasEntry(text: string, { into, name, value }: Entry): boolean {
  return entryPath(text, { into, name, value }) !== null;
}

/** Where the entry stands now; null when it doesn't, or not as it was written. */
function entryPath(text: string, { into, name, value }: Entry): JSONPath | null {
  const tree = treeOf(text);
  const target = tree === undefined ? undefined : findNodeAtLocation(tree, into);
  if (target === undefined) return null;
  if (name !== null) {
    const node = findNodeAtLocation(target, [name]);
    return node !== undefined && same(getNodeValue(node), value) ? [...into, name] : null;
  }
  const at = target.children?.findIndex((child) => same(getNodeValue(child), value)) ?? -1;
  return target.type === "array" && at >= 0 ? [...into, at] : null;
}

/**
 * Takes the entries out: first by cutting the very pieces that were put in, and where a person edited around them as
 * entries of the file. Null: the text is no JSON any more.
 */
export function withoutEntries(
  text: string,
  entries: readonly Entry[],
  pieces: readonly string[],
): string | null {
  const own = entries.filter((_, at) => pieces[at] !== "");
  const cut = cutPieces(text, entries, pieces);
  if (cut !== null && isObject(cut) && own.every((entry) => !hasEntry(cut, entry))) return cut;
  if (!isObject(text)) return null;
  let now = text;
  for (const entry of own.toReversed()) {
    const path = entryPath(now, entry);
    if (path === null) continue;
    now = applyEdits(
      now,
      modify(now, path, undefined, { formattingOptions: { insertSpaces: true, tabSize: 2 } }),
    );
  }
  return now;
}

/** The last first, as each may stand inside an earlier one. */
function cutPieces(text: string, entries: readonly Entry[], pieces: readonly string[]): string | null {
  let now: string | null = text;
  for (const [at, piece] of [...pieces.entries()].reverse()) {
    const entry = entries[at];
    if (piece === "") continue;
    now = now === null || entry === undefined ? null : cutPiece(now, entry, piece);
  }
  return now;
}

/** A piece ends where its entry does, or what had to be made around it. */
function cutPiece(text: string, entry: Entry, piece: string): string | null {
  const tree = treeOf(text);
  const path = entryPath(text, entry);
  let node = tree === undefined || path === null ? undefined : findNodeAtLocation(tree, path);
  for (; node !== undefined; node = node.parent) {
    const end = node.offset + node.length;
    if (text.slice(end - piece.length, end) === piece)
      return text.slice(0, end - piece.length) + text.slice(end);
  }
  return null;
}

function treeOf(text: string) {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  return errors.length === 0 ? tree : undefined;
}

function isObject(text: string): boolean {
  return treeOf(text)?.type === "object";
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function layoutOf(text: string): { readonly indent: string; readonly eol: string } {
  return { indent: /\n([ \t]+)["/]/.exec(text)?.[1] ?? "  ", eol: text.includes("\r\n") ? "\r\n" : "\n" };
}
