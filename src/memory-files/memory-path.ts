import { createHash } from "node:crypto";
import { join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";

/**
 * What a memory may hold, by path alone:
 *
 *   MEMORY.md  memory_summary.md  raw_memories.md  rollout_summaries/*.md  rollout_summaries/notes/*.md  skills/<name>/**
 *
 * Paths are relative, `/`-separated and untrusted: they come from an agent or from whoever edits the folder.
 */
export type PathRole =
  | "file"
  | "folder"
  /** Our mark, and temporary files of a publish: in the folder, never in a generation. */
  | "ours"
  /** What version control, desktops and editors drop into folders: left alone in a memory root. */
  | "ignored"
  | "foreign";

export const MARK = ".slowwave";
export const TEMPORARY = ".slowwave-";
/** In a workspace: what the person changed by hand, as a unified diff for the agent. */
export const HAND_EDITS = "hand_edits.diff";

/** In a workspace: which folders are one repository, folder → identity, for the agent. */
export const PROJECTS = "projects.json";

/**
 * In `rollout_summaries/`: what a person wrote down beside all sessions. A folder, since a Codex that shares the memory
 * removes the files that it has no session for, and leaves folders alone.
 */
export const NOTES = "notes";

/** `kind`: what is there; a folder where a file belongs is foreign, and the other way round. */
export function roleOf(path: string, kind: "file" | "folder"): PathRole {
  const segments = path.split("/");
  const name = segments.at(-1) ?? "";
  if (path === MARK || path === HAND_EDITS || path === PROJECTS || name.startsWith(TEMPORARY)) return "ours";
  if (IGNORED_NAMES.has(name) || EDITOR_FILE.test(name)) return "ignored";
  if (!hasPlainNames(path)) return "foreign";
  return kind === "file" ? fileRole(segments) : folderRole(segments);
}

/** Whether a generation may hold this path. */
export function isMemoryFile(path: string): boolean {
  return roleOf(path, "file") === "file";
}

const IGNORED_NAMES: ReadonlySet<string> = new Set([
  ".git",
  ".gitignore",
  ".gitattributes",
  ".DS_Store",
  "Thumbs.db",
  "desktop.ini",
]);

/** A memory may be edited by hand at any time: vim's and Emacs' own files beside it are no strangers. */
const EDITOR_FILE = /^\..*\.sw[a-z]$|~$|^\.?#.*$/;

/** The memory's own places at the top of its folder. */
export function isRootPlace(path: string): boolean {
  return ROOT_FILES.has(path) || path === "rollout_summaries" || path === "skills";
}

const ROOT_FILES: ReadonlySet<string> = new Set(["MEMORY.md", "memory_summary.md", "raw_memories.md"]);

function fileRole(segments: readonly string[]): PathRole {
  const [first = "", , third] = segments;
  if (segments.length === 1) return ROOT_FILES.has(first) ? "file" : "foreign";
  if (first === "rollout_summaries") {
    const isThere = segments.length === 2 || (segments.length === 3 && segments[1] === NOTES);
    return isThere && segments.at(-1)?.endsWith(".md") ? "file" : "foreign";
  }
  return first === "skills" && third !== undefined ? "file" : "foreign";
}

function folderRole(segments: readonly string[]): PathRole {
  if (segments[0] === "skills") return "folder";
  const [first, second] = segments;
  const isThere = segments.length === 1 || (segments.length === 2 && second === NOTES);
  return first === "rollout_summaries" && isThere ? "folder" : "foreign";
}

/** Without control and invisible characters, of a bounded length, and usable on every system. */
export function hasPlainNames(path: string): boolean {
  return path.split("/").every(isPlainName);
}

const NAME_BYTES = 200;

/** Hidden files are how a tree of text comes to run something; invisible characters are how names lie. */
function isPlainName(name: string): boolean {
  return (
    name !== "" &&
    !name.startsWith(".") &&
    !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd/\\:*?"<>|]/u.test(name) &&
    !/[ .]$/.test(name) &&
    Buffer.byteLength(name) <= NAME_BYTES
  );
}

/** Two paths with the same key are one file on a file system that ignores case or normalises Unicode. */
export function foldedPath(path: string): string {
  return path.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/** Generous: only a runaway exceeds them. What an agent may write is bounded by the gate. */
export const SCAN_LIMITS = {
  files: 20_000,
  depth: 12,
  fileBytes: 256 * 1024 ** 2,
  keptBytes: 64 * 1024 ** 2,
};

/** The default memory root of a space: `<home>/memories` for `global`, `<home>/spaces/<key>/memories` for the rest. */
export function defaultRoot(home: string, space: string): string {
  return space === "global" ? join(home, "memories") : join(home, "spaces", spaceFolder(space), "memories");
}

/**
 * One folder name per key: no key can leave the folder, and no two keys are one name, also where case or
 * Unicode forms don't count. Lower-case letters, digits, `-`, `_` and inner dots stay; every other byte of the UTF-8
 * form becomes `%xx`. Long keys keep their beginning and end in a hash.
 */
export function spaceFolder(space: string): string {
  if (space === "" || !space.isWellFormed()) {
    throw new SlowwaveError("space_invalid", "A space key must be a text that is not empty.");
  }
  const encoded = [...Buffer.from(space)].map(encodedByte).join("");
  if (encoded.length <= NAME_LIMIT) return encoded;
  return `${encoded.slice(0, 60)}~${createHash("sha256").update(space).digest("hex").slice(0, 40)}`;
}

const NAME_LIMIT = 120;

function encodedByte(byte: number, at: number, bytes: readonly number[]): string {
  const text = String.fromCharCode(byte);
  const plain = /[a-z0-9_-]/.test(text) || (text === "." && at > 0 && at < bytes.length - 1);
  return plain ? text : `%${byte.toString(16).padStart(2, "0")}`;
}
