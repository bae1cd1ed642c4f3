import { codeOf } from "../domain/failure.ts";
import type { Manifest, ManifestEntry } from "../domain/generation.ts";
import { type Entry, type Folder, forEachConcurrent } from "../files/folder.ts";
import { contentHash } from "./blobs.ts";
import { foldedPath, roleOf, SCAN_LIMITS } from "./memory-path.ts";

/** What a folder of memory files holds, and what in it can't be part of a memory. */
export interface Scan {
  readonly manifest: Manifest;
  readonly problems: readonly Problem[];
  /** Contents of the files that `keep` asked for, up to `SCAN_LIMITS.keptBytes` together. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
}

/** Data, not an error: a root with problems is refused, a workspace with problems goes to the gate. */
export interface Problem {
  readonly path: string;
  readonly kind: ProblemKind;
}

export type ProblemKind =
  | "foreign"
  | "symlink"
  | "special"
  | "hard-link"
  | "unreadable"
  | "too-large"
  /** Made by the gate alone, of a file that was read. */
  | "too-many-lines"
  | "too-deep"
  | "too-many"
  | "collision";

export interface ScanOptions {
  /** Default: everything is read and hashed. False: names only, all hashes empty. */
  readonly hash?: boolean;
  readonly keep?: (path: string) => boolean;
  /** Largest file that is read; default `SCAN_LIMITS.fileBytes` for all. */
  readonly limit?: (path: string) => number;
  /** Litter (`.git`, …) is left alone in a root; in a workspace it is foreign. */
  readonly ignoredFiles?: "ignore" | "foreign";
}

/**
 * Reads a tree once, regular files only, without ever following a symlink. Entries that vanish meanwhile are
 * as if they had never been there. Foreign folders are named, not entered.
 */
export async function scan(root: Folder, options: ScanOptions = {}): Promise<Scan> {
  const found: Found = { entries: [], problems: [], kept: new Map(), options, overflow: null, keptBytes: 0 };
  await scanFolder(root, "", 1, found);
  if (found.overflow !== null) found.problems.push({ path: found.overflow, kind: "too-many" });
  const manifest = found.entries.sort(byPath);
  return {
    manifest,
    problems: [...found.problems, ...collisions(manifest)].sort(byPath),
    kept: found.kept,
  };
}

interface Found {
  readonly entries: ManifestEntry[];
  readonly problems: Problem[];
  readonly kept: Map<string, Uint8Array>;
  readonly options: ScanOptions;
  /** The first path there was no room for. */
  overflow: string | null;
  keptBytes: number;
}

async function scanFolder(folder: Folder, prefix: string, depth: number, found: Found): Promise<void> {
  const folders: string[] = [];
  await forEachConcurrent(await folder.list(), async (entry) => {
    const path = `${prefix}${entry.name}`;
    if (isFull(found, path)) return;
    const problem = problemOf(path, entry, depth, found.options.ignoredFiles ?? "ignore");
    if (problem === "skip") return;
    if (problem !== null) found.problems.push({ path, kind: problem });
    else if (entry.kind === "folder") folders.push(entry.name);
    else await scanFile(folder, entry.name, path, found);
  });
  for (const name of folders.sort()) await scanInner(folder, name, prefix, depth, found);
}

async function scanInner(folder: Folder, name: string, prefix: string, depth: number, found: Found) {
  const path = `${prefix}${name}`;
  if (isFull(found, path)) return;
  const inner = await folder.enter(name).catch((error: unknown) => missed(path, error, found));
  if (inner === null) return;
  try {
    await scanFolder(inner, `${path}/`, depth + 1, found);
  } finally {
    await inner.close();
  }
}

function isFull(found: Found, path: string): boolean {
  const full = found.entries.length + found.problems.length >= SCAN_LIMITS.files;
  if (full) found.overflow ??= path;
  return full;
}

/** What stood in the way of reading something that was there a moment ago. */
function missed(path: string, error: unknown, found: Found): null {
  const code = codeOf(error) ?? "";
  if (code === "ELOOP" || code === "ENOTDIR") found.problems.push({ path, kind: "symlink" });
  else if (code === "EACCES" || code === "EPERM") found.problems.push({ path, kind: "unreadable" });
  else if (code !== "ENOENT") throw error;
  return null;
}

function problemOf(
  path: string,
  entry: Entry,
  depth: number,
  ignoredFiles: "ignore" | "foreign",
): ProblemKind | "skip" | null {
  const role = roleOf(path, entry.kind === "folder" ? "folder" : "file");
  if (role === "ours") return "skip";
  if (role === "ignored") return ignoredFiles === "ignore" ? "skip" : "foreign";
  if (entry.kind === "symlink" || entry.kind === "special") return entry.kind;
  if (role === "foreign") return "foreign";
  return depth > SCAN_LIMITS.depth ? "too-deep" : null;
}

async function scanFile(folder: Folder, name: string, path: string, found: Found): Promise<void> {
  if (found.options.hash === false) {
    found.entries.push({ path, hash: "", bytes: 0 });
    return;
  }
  const read = await folder
    .read(name, found.options.limit?.(path) ?? SCAN_LIMITS.fileBytes)
    .catch((error: unknown) => missed(path, error, found));
  switch (read?.kind) {
    case undefined:
    case "missing":
      return;
    case "not-a-file":
      found.problems.push({ path, kind: "symlink" });
      return;
    case "too-large":
      found.problems.push({ path, kind: "too-large" });
      return;
    case "file":
      if (read.facts.links > 1) found.problems.push({ path, kind: "hard-link" });
      keep(path, read.content, found);
      found.entries.push({ path, hash: await contentHash(read.content), bytes: read.content.length });
  }
}

function keep(path: string, content: Uint8Array, found: Found): void {
  if (!found.options.keep?.(path) || found.keptBytes + content.length > SCAN_LIMITS.keptBytes) return;
  found.keptBytes += content.length;
  found.kept.set(path, content);
}

/** Files, or folders on the way to them, that are one and the same where case or normalisation don't count. */
function collisions(manifest: Manifest): readonly Problem[] {
  const spelled = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { path } of manifest) {
    for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
      const prefix = end < 0 ? path : path.slice(0, end);
      const key = foldedPath(prefix);
      const earlier = spelled.get(key);
      if (earlier === undefined) spelled.set(key, prefix);
      else if (earlier !== prefix) {
        problems.push({ path, kind: "collision" });
        break;
      }
      if (end < 0) break;
    }
  }
  return problems;
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
