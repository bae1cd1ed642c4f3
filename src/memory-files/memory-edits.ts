import type { Generation, GenerationStore, HandEdit, HandEdits, Manifest } from "../domain/generation.ts";
import { comparable, isBlank, linesOf } from "../text/outline.ts";
import { carryOver } from "./carry-over.ts";
import { difference, type FileDiff, unified } from "./compare.ts";
import { locateHandEdits } from "./hand-blocks.ts";
import { annotate, type EditedFile, hashOf, moveHandEdits, recordHandEdits } from "./hand-edits.ts";
import { isHostPath } from "./host-files.ts";

/** The files of one version of a memory, with what in them is a person's. */
export interface EditedMemory {
  readonly manifest: Manifest;
  readonly edits: HandEdits;
}

/** Bytes by content hash; null when nobody has them. */
export type ReadBlob = (hash: string) => Promise<Uint8Array | null>;

const HANDBOOK = "MEMORY.md";
const SUMMARY = "memory_summary.md";
/** A file that a person deleted. */
const DELETED: readonly HandEdit[] = [{ line: -1, lines: 0, replaced: [] }];

/**
 * What is a person's in a memory folder, from the version it was last brought to and what it holds now. `before` null:
 * the folder was adopted; a memory that cites sessions was made by an agent, any other is the person's as a whole.
 */
export async function recordMemoryEdits(
  before: EditedMemory | null,
  after: Manifest,
  blob: ReadBlob,
): Promise<HandEdits> {
  const now = new Map(after.filter(({ path }) => !isHostPath(path)).map((entry) => [entry.path, entry.hash]));
  if (before === null) return (await isGenerated(now, blob)) ? {} : ownAll(now, blob);
  const edits: Record<string, readonly HandEdit[]> = {};
  for (const [path, hash] of now) {
    const old = before.manifest.find((entry) => entry.path === path);
    const known = before.edits[path] ?? [];
    if (old?.hash === hash) edits[path] = known;
    else {
      const [was, is] = [old === undefined ? null : await textOf(blob, old.hash), await textOf(blob, hash)];
      if (old === undefined || was === null || is === null) edits[path] = ownLines(is);
      else edits[path] = recordHandEdits({ text: was, edits: known }, is);
    }
  }
  for (const { path } of before.manifest) {
    // A run must write the handbook and its summary: one that was deleted is wanted anew.
    if (!now.has(path) && path.startsWith("skills/")) edits[path] = DELETED;
  }
  for (const [path, known] of Object.entries(before.edits)) {
    if (isDeleted(known) && !now.has(path)) edits[path] = known;
  }
  return withoutEmpty(edits);
}

/** Where the person's words are in a version that is final; `base` is the version it was made from. */
export async function locateMemoryEdits(
  base: EditedMemory,
  manifest: Manifest,
  blob: ReadBlob,
): Promise<HandEdits> {
  const edits: Record<string, readonly HandEdit[]> = {};
  const now = new Map(manifest.map(({ path, hash }) => [path, hash]));
  for (const [path, known] of Object.entries(base.edits)) {
    const hash = now.get(path);
    const old = base.manifest.find((entry) => entry.path === path);
    if (hash === undefined || old?.hash === hash) {
      if (hash !== undefined || isDeleted(known)) edits[path] = known;
      continue;
    }
    const file = old === undefined ? null : await fileOf(blob, old.hash, known);
    const text = await textOf(blob, hash);
    if (file !== null && text !== null) edits[path] = locateHandEdits(file, text);
  }
  return withoutEmpty(edits);
}

/** The same for a version from which a purge took lines away. */
export async function moveMemoryEdits(
  base: EditedMemory,
  manifest: Manifest,
  blob: ReadBlob,
): Promise<HandEdits> {
  const edits: Record<string, readonly HandEdit[]> = {};
  for (const { path, hash } of manifest) {
    const known = base.edits[path];
    const old = base.manifest.find((entry) => entry.path === path);
    if (known === undefined || old === undefined) continue;
    const file = await fileOf(blob, old.hash, known);
    const text = await textOf(blob, hash);
    edits[path] = old.hash === hash || file === null || text === null ? known : moveHandEdits(file, text);
  }
  for (const [path, known] of Object.entries(base.edits)) if (isDeleted(known)) edits[path] = known;
  return withoutEmpty(edits);
}

/**
 * What must be written so that an agent's result keeps everything the person did: path → new bytes, or null for a file
 * that goes. `result` holds the files as the agent left them, those of the host aside.
 */
export async function carryOverMemory(
  base: EditedMemory,
  result: ReadonlyMap<string, Uint8Array>,
  blob: ReadBlob,
): Promise<ReadonlyMap<string, Uint8Array | null>> {
  const changed = new Map<string, Uint8Array | null>();
  const gone = (base.edits[HANDBOOK] ?? []).flatMap(({ replaced }) => replaced);
  const paths = new Set([...Object.keys(base.edits), ...(gone.length > 0 ? [SUMMARY] : [])]);
  for (const path of paths) {
    const known = base.edits[path] ?? [];
    const left = result.get(path);
    const entry = base.manifest.find((one) => one.path === path);
    if (isDeleted(known)) {
      if (left !== undefined) changed.set(path, null);
      continue;
    }
    const bytes = entry === undefined ? null : await blob(entry.hash);
    if (bytes === null) continue;
    const text = decode(bytes);
    const now = left === undefined ? null : decode(left);
    if (text === null || isOwn({ text, edits: known }) || (known.length > 0 && !path.endsWith(".md"))) {
      if (known.length > 0 && (left === undefined || Buffer.compare(left, bytes) !== 0))
        changed.set(path, bytes);
      continue;
    }
    if (left === undefined && known.every(({ lines }) => lines === 0)) continue;
    const carried = carryOver({ text, edits: known }, now, path === SUMMARY ? gone : []);
    if (carried.text !== now) changed.set(path, Buffer.from(carried.text));
  }
  return changed;
}

function isDeleted(edits: readonly HandEdit[]): boolean {
  return edits[0]?.line === -1;
}

/** Every line of it is the person's. */
function isOwn(file: EditedFile): boolean {
  const lines = annotate(file).filter((line) => !isBlank(line));
  return lines.length > 0 && lines.every(({ edit }) => edit !== null);
}

function ownLines(text: string | null): readonly HandEdit[] {
  return [{ line: 0, lines: text === null ? 1 : Math.max(1, linesOf(text).length), replaced: [] }];
}

async function ownAll(files: ReadonlyMap<string, string>, blob: ReadBlob): Promise<HandEdits> {
  const edits: Record<string, readonly HandEdit[]> = {};
  for (const [path, hash] of files) edits[path] = ownLines(await textOf(blob, hash));
  return edits;
}

async function isGenerated(files: ReadonlyMap<string, string>, blob: ReadBlob): Promise<boolean> {
  const hash = files.get(HANDBOOK) ?? files.get(SUMMARY);
  const text = hash === undefined ? null : await textOf(blob, hash);
  return text !== null && /rollout_summaries\/|^# Task Group:|^v1\r?$/m.test(text);
}

function withoutEmpty(edits: Readonly<Record<string, readonly HandEdit[]>>): HandEdits {
  return Object.fromEntries(Object.entries(edits).filter(([, list]) => list.length > 0));
}

async function fileOf(blob: ReadBlob, hash: string, edits: readonly HandEdit[]): Promise<EditedFile | null> {
  const text = await textOf(blob, hash);
  return text === null ? null : { text, edits };
}

/** The text of a file; null when nobody has it, or it is no text. */
export async function textOf(blob: ReadBlob, hash: string): Promise<string | null> {
  const bytes = await blob(hash);
  return bytes === null ? null : decode(bytes);
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const LIMIT = 512 * 1024;

/**
 * What a person did to a memory by hand, for the agent that works on it: a unified diff in which every `+` line is the person's,
 * also from earlier runs, and every `-` line one that they took away, as far back as kept generations hold it. Null: nothing is theirs.
 */
export async function handEditsDiff(
  generations: Pick<GenerationStore, "blob" | "manifest" | "read">,
  { generation, manifest }: { readonly generation: Generation; readonly manifest: EditedMemory["manifest"] },
): Promise<string | null> {
  const edits = generation.handEdits ?? {};
  const origin = generation.kind === "edited" && generation.parent !== null ? generation.parent : null;
  const parent = origin === null ? null : await generations.read(origin);
  const before = origin === null ? [] : ((await generations.manifest(origin)) ?? []);
  const textOf = async (files: EditedMemory["manifest"], path: string) => {
    const entry = files.find((one) => one.path === path);
    const bytes = entry === undefined ? null : await generations.blob(entry.hash);
    return bytes === null ? null : Buffer.from(bytes).toString();
  };
  const files: FileDiff[] = [];
  for (const [path, own] of Object.entries(edits).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const now = own[0]?.line === -1 ? null : await textOf(manifest, path);
    const then = await textOf(before, path);
    const old =
      then === null
        ? now === null
          ? ""
          : withoutOwn(now, own)
        : withoutOwn(then, parent?.handEdits?.[path] ?? []);
    const change = now === null ? "deleted" : old.trim() === "" ? "added" : "modified";
    const gone = now === null ? [] : await deletedEarlier(generations, generation, { path, own, old });
    files.push({ path, change, ...difference(old + joined(gone), joined(linesOf(now ?? ""))) });
  }
  const shown = files.filter(({ hunks }) => hunks === null || hunks.length > 0);
  return shown.length === 0 ? null : unified(shown, LIMIT);
}

/** So many generations back. */
const MOST_ANCESTORS = 50;

/** Lines that a person took away in earlier versions, word for word, as far as a kept generation still holds them. */
async function deletedEarlier(
  generations: Pick<GenerationStore, "blob" | "manifest" | "read">,
  newest: Generation,
  { path, own, old }: { readonly path: string; readonly own: readonly HandEdit[]; readonly old: string },
): Promise<readonly string[]> {
  const wanted = new Set(own.flatMap(({ replaced }) => replaced));
  for (const line of linesOf(old)) wanted.delete(hashOf(line) ?? "");
  const found: string[] = [];
  let at: Generation | null = newest;
  for (let back = 0; at !== null && wanted.size > 0 && back < MOST_ANCESTORS; back += 1) {
    const parent: Generation | null = at.parent === null ? null : await generations.read(at.parent);
    const manifest = parent === null || at.kind !== "edited" ? null : await generations.manifest(parent.id);
    const entry = manifest?.find((one) => one.path === path);
    const text = entry === undefined ? null : await textOf((hash) => generations.blob(hash), entry.hash);
    for (const line of text === null ? [] : linesOf(text)) {
      if (wanted.delete(hashOf(line) ?? "")) found.push(line);
    }
    at = parent;
  }
  return found;
}

function withoutOwn(text: string, edits: readonly HandEdit[]): string {
  const kept = annotate({ text, edits }).filter(({ edit }) => edit === null);
  return joined(kept.map((line) => line.text));
}

/** As lines are compared: an editor's line endings and decomposed letters are no edit. */
function joined(lines: readonly string[]): string {
  return lines.map((line) => `${comparable(line)}\n`).join("");
}
