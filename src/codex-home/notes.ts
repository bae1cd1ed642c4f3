import { join } from "node:path";
import { codeOf } from "../domain/failure.ts";
import { noteId } from "../domain/memory.ts";
import type { Files, Folder } from "../files/folder.ts";
import { NOTES_FOLDER } from "./home.ts";

/** Larger ones are no notes. */
const MOST_BYTES = 64 * 1024;
const MOST_NOTES = 1_000;

/** A note as a record of the one door, in the spelling of Codex's rows. */
export interface NoteRecord {
  readonly thread_id: string;
  /** When the file was changed, in Unix seconds; never in the future. */
  readonly source_updated_at: number;
  readonly raw_memory: "";
  readonly rollout_summary: string;
  readonly rollout_slug: string;
  readonly rollout_path: string;
}

/**
 * The notes of a Codex home, by file name. They are only ever read: regular files of text, never through a symlink. What
 * is too large, or no text, is as if it were not there.
 */
export async function readNotes(
  root: string,
  { files, nowSeconds }: { readonly files: Pick<Files, "open">; readonly nowSeconds: number },
): Promise<readonly NoteRecord[]> {
  const folder = await opened(files, root);
  if (folder === null) return [];
  try {
    const entries = (await folder.list()).filter(
      ({ name, kind }) => kind === "file" && name.endsWith(".md") && !name.startsWith("."),
    );
    const names = entries.map(({ name }) => name).sort();
    const notes: NoteRecord[] = [];
    // Names begin with a time: the last ones are the newest.
    for (const name of names.slice(-MOST_NOTES)) {
      const note = await readNote(folder, name, { path: join(root, ...NOTES_FOLDER, name), nowSeconds });
      if (note !== null) notes.push(note);
    }
    return notes;
  } finally {
    await folder.close();
  }
}

/** One segment after the other, so that a symlink on the way leads nowhere. */
async function opened(files: Pick<Files, "open">, root: string): Promise<Folder | null> {
  let at: Folder | null = null;
  try {
    at = await files.open(root);
    for (const name of NOTES_FOLDER) {
      const next: Folder = await at.enter(name);
      await at.close();
      at = next;
    }
    return at;
  } catch (error) {
    await at?.close();
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes(codeOf(error) ?? "")) return null;
    throw error;
  }
}

async function readNote(
  folder: Folder,
  name: string,
  { path, nowSeconds }: { readonly path: string; readonly nowSeconds: number },
): Promise<NoteRecord | null> {
  const read = await folder.read(name, MOST_BYTES);
  if (read.kind !== "file") return null;
  const text = Buffer.from(read.content).toString();
  if (text.includes("\0") || text.trim() === "") return null;
  const stem = name.slice(0, -".md".length);
  return {
    thread_id: noteId(stem),
    source_updated_at: Math.min(Math.floor(read.facts.changedMs / 1000), nowSeconds),
    raw_memory: "",
    rollout_summary: asSummary(text, stem),
    rollout_slug: slugOf(stem),
    rollout_path: path,
  };
}

/** The name without the time that it begins with. */
function slugOf(stem: string): string {
  const bare = stem.replace(/^[\d\-T:._Z+]+(?=[a-z])/i, "");
  return (bare === "" ? stem : bare).replace(/\p{Cc}/gu, " ").slice(0, 100);
}

/**
 * As the summary of a session is written: under a title, each paragraph and each bullet as one thing that the user wants to
 * be remembered. Headings are left out but for the first one, which is the title.
 */
function asSummary(text: string, stem: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const headings = lines.flatMap((line) => /^#{1,6}\s+(.*\S)/.exec(line)?.[1] ?? []);
  const title = headings[0] ?? `Note: ${slugOf(stem).replaceAll(/[-_]+/g, " ")}`;
  const body = lines.map((line) => (/^#{1,6}\s/.test(line) ? "" : line)).join("\n");
  // A bullet begins something new, a line below it goes on with it.
  const parts = body.split(/\n\s*\n|\n(?=\s*(?:[-*+]|\d{1,3}[.)])\s)/);
  const points = parts.map((part) =>
    part
      .trim()
      .replace(/^(?:[-*+]|\d{1,3}[.)])\s+/, "")
      .replaceAll(/\s*\n\s*/g, " "),
  );
  const bullets = points.filter((part) => part !== "").map((part) => `- ${part}\n`);
  return `# ${title}\n\nUser preferences:\n${bullets.join("")}`;
}
