import { SlowwaveError } from "../domain/failure.ts";
import { type Files, type Folder, splitPath, within } from "../files/folder.ts";
import { openRoot } from "../memory-files/check-root.ts";
import { isMemoryFile } from "../memory-files/memory-path.ts";
import { scan } from "../memory-files/scan.ts";
import { isInstruction } from "../text/injection.ts";
import { pathText, terminalText } from "../text/sanitize.ts";

/** Reading and searching the published memory, for people and for agents. */
export interface MemoryFile {
  readonly path: string;
  readonly bytes: number;
}

export interface FoundLine {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

export interface SearchAnswer {
  readonly found: readonly FoundLine[];
  /** Further lines that match. */
  readonly left: number;
}

/** Larger files are no text that anybody reads. */
const MOST_BYTES = 16 * 1024 ** 2;
const MOST_SEARCHED_BYTES = 64 * 1024 ** 2;
const LONGEST_SHOWN = 400;

/** By path; empty where nothing was published. */
export async function listMemory(files: Files, root: string): Promise<readonly MemoryFile[]> {
  return inRoot(files, root, [], async (folder) => {
    const { manifest } = await scan(folder);
    return manifest.map(({ path, bytes }) => ({ path, bytes }));
  });
}

/** Rejects with `memory_file_unknown` for any path that is no file of the memory; no link is followed. */
export async function readMemoryFile(files: Files, root: string, path: string): Promise<string> {
  const unknown = new SlowwaveError(
    "memory_file_unknown",
    `The memory has no file "${pathText(path)}"; \`slowwave memory show\` lists them.`,
  );
  if (!isMemoryFile(path)) throw unknown;
  const text = await inRoot(files, root, null, (folder) => textOf(folder, path));
  if (text === null) throw unknown;
  return text;
}

/**
 * Lines that hold all the words, whatever their case: first in the handbook and the summary, then in what single
 * sessions left, the newest first. Words are at least two letters long.
 */
export async function searchMemory(
  files: Files,
  root: string,
  { words, limit, safe = false }: { readonly words: string; readonly limit: number; readonly safe?: boolean },
): Promise<SearchAnswer> {
  const wanted = folded(words)
    .split(/\s+/)
    .filter((word) => word.length > 1);
  if (wanted.length === 0) {
    throw new SlowwaveError("invalid_usage", "Give at least one word of two letters or more to search for.");
  }
  return inRoot<SearchAnswer>(files, root, { found: [], left: 0 }, async (folder) => {
    const { manifest } = await scan(folder, { hash: false });
    const found: FoundLine[] = [];
    let left = 0;
    let bytes = 0;
    for (const { path } of manifest.toSorted((a, b) => compareFiles(a.path, b.path))) {
      const content = (await textOf(folder, path)) ?? "";
      bytes += content.length;
      if (bytes > MOST_SEARCHED_BYTES) break;
      const lines = content.split("\n");
      for (const [at, text] of lines.entries()) {
        const plain = folded(text);
        if (!wanted.every((word) => plain.includes(word))) continue;
        if (found.length >= limit) left += 1;
        // What an agent reads is never a line that speaks to it.
        else if (!safe || !isInstruction(text)) found.push({ path, line: at + 1, text: clip(text) });
      }
    }
    return { found, left };
  });
}

const FIRST = ["MEMORY.md", "memory_summary.md"];

/** Raw notes last: what they say stands in the handbook already. */
function compareFiles(a: string, b: string): number {
  const rank = (path: string) => {
    const at = FIRST.indexOf(path);
    return at >= 0 ? at : path === "raw_memories.md" ? 9 : path.startsWith("skills/") ? 3 : 4;
  };
  return rank(a) - rank(b) || (a < b ? 1 : -1);
}

function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

function clip(text: string): string {
  const plain = terminalText(text).trim();
  return plain.length > LONGEST_SHOWN ? `${plain.slice(0, LONGEST_SHOWN - 1)}…` : plain;
}

async function textOf(root: Folder, path: string): Promise<string | null> {
  const [folder, name] = splitPath(path);
  const read = await within(root, folder, async (at) => at?.read(name, MOST_BYTES));
  return read?.kind === "file" ? Buffer.from(read.content).toString() : null;
}

async function inRoot<Result>(
  files: Files,
  root: string,
  absent: Result,
  use: (folder: Folder) => Promise<Result>,
): Promise<Result> {
  const folder = await openRoot(files, root);
  if (folder === null) return absent;
  try {
    return await use(folder);
  } finally {
    await folder.close();
  }
}
