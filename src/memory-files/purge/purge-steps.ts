import { codeOf } from "../../domain/failure.ts";
import {
  changesBetween,
  type Generation,
  type GenerationStore,
  type HandEdits,
  isUnchanged,
  type Manifest,
} from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { RunStore } from "../../domain/run.ts";
import { type Files, type Folder, removeTree, type Visit, walkTree } from "../../files/folder.ts";
import { contentHash } from "../blobs.ts";
import { isHostPath } from "../host-files.ts";
import { type EditedMemory, moveMemoryEdits } from "../memory-edits.ts";
import { scrubHostFile, scrubMemory } from "./scrub-memory.ts";
import type { Traces } from "./traces.ts";

export interface ScrubbedManifest {
  readonly manifest: Manifest;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** What of it is still a person's. */
  readonly edits: HandEdits;
  /** Places of which it can't be known whether they come from the thread. */
  readonly undecided: readonly string[];
}

/** Null: nothing of the thread is in the files, and nothing is undecided. */
export type Scrub = (memory: EditedMemory) => Promise<ScrubbedManifest | null>;

/** No file can hold a character that no text has. */
const UNCHANGED = "\u0000";

/** Scrubs whole memories; a file that is no text goes when the thread is named in its bytes. */
export function createScrubber(
  store: Pick<GenerationStore, "blob">,
  threadId: string,
  traces: Traces,
): Scrub {
  // Most files of a memory are summaries, the same in every generation.
  const hostFiles = new Map<string, string | null>();
  return async (memory) => {
    const { manifest, edits } = memory;
    const texts = new Map<string, string>();
    const changed = new Map<string, string | null>();
    const gone = new Set<string>();
    for (const { path, hash } of manifest) {
      const key = `${path}\n${hash}`;
      const known = hostFiles.get(key);
      if (known !== undefined) {
        if (known !== UNCHANGED) changed.set(path, known);
        continue;
      }
      const bytes = await store.blob(hash);
      if (bytes === null) continue;
      const text = decode(bytes);
      if (text !== null && isHostPath(path)) {
        const left = scrubHostFile(path, text, { threadId, traces });
        hostFiles.set(key, left === text ? UNCHANGED : left);
        if (left !== text) changed.set(path, left);
      } else if (text !== null) texts.set(path, text);
      else if (traces.hits(path) || traces.cites(Buffer.from(bytes).toString("latin1"))) gone.add(path);
    }
    const { changed: written, undecided } = scrubMemory(texts, { traces, isOwn: ownLinesOf(edits) });
    for (const [path, text] of written) changed.set(path, text);
    const kept: Manifest[number][] = [];
    const blobs = new Map<string, Uint8Array>();
    for (const entry of manifest) {
      const text = changed.get(entry.path);
      if (gone.has(entry.path) || text === null) continue;
      if (text === undefined) kept.push(entry);
      else {
        const bytes = Buffer.from(text);
        const hash = await contentHash(bytes);
        blobs.set(hash, bytes);
        kept.push({ path: entry.path, hash, bytes: bytes.length });
      }
    }
    if (isUnchanged(changesBetween(manifest, kept)) && undecided.length === 0) return null;
    const read = async (hash: string) => blobs.get(hash) ?? store.blob(hash);
    return { manifest: kept, blobs, undecided, edits: await moveMemoryEdits(memory, kept, read) };
  };
}

function ownLinesOf(edits: HandEdits) {
  return (path: string, line: number) =>
    (edits[path] ?? []).some((edit) => edit.line <= line && line < edit.line + edit.lines);
}

/** The files of a generation and what in them is a person's. */
export async function memoryIn(
  store: Pick<GenerationStore, "manifest" | "read">,
  generation: string,
): Promise<EditedMemory> {
  const manifest = (await store.manifest(generation)) ?? [];
  return { manifest, edits: (await store.read(generation))?.handEdits ?? {} };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const MOST = 100_000;

/** Every stored generation of the space but the one in effect, which was published anew already. */
export async function purgeGenerations(
  store: GenerationStore,
  at: { readonly space: string; readonly lease: Lease; readonly nowMs: number; renew(): Promise<void> },
  scrub: Scrub,
): Promise<readonly string[] | "lost"> {
  const rewritten: string[] = [];
  for (const { id } of (await store.list(at.space, MOST)) as readonly Generation[]) {
    const before = await memoryIn(store, id);
    const scrubbed = await scrub(before);
    if (scrubbed === null || isUnchanged(changesBetween(before.manifest, scrubbed.manifest))) continue;
    await at.renew();
    const { manifest, blobs, edits } = scrubbed;
    const files = { manifest, blobs, handEdits: edits };
    const done = await store.rewrite({ lease: at.lease, generation: id, ...files, nowMs: at.nowMs });
    if (done === "lost") return "lost";
    rewritten.push(id);
  }
  return rewritten;
}

/** A larger file can't be searched: the run that left it is removed. */
const MAX_SEARCHED_BYTES = 64 * 1024 ** 2;

/** Removes every run's folder in which anything of the thread is found, but for runs that live. Returns how many. */
export async function purgeFolders(
  files: Pick<Files, "open">,
  parent: string,
  traces: Traces,
  isAlive: (run: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  const runs = await files.open(`${parent}/.`).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  try {
    for (const entry of (await runs?.list()) ?? []) {
      if (runs === null || !(await holdsTraces(runs, entry, traces)) || (await isAlive(entry.name))) continue;
      await removeTree(runs, entry.name);
      count += 1;
    }
  } finally {
    await runs?.close();
  }
  return count;
}

async function holdsTraces(runs: Folder, entry: Visit["entry"], traces: Traces): Promise<boolean> {
  if (await namesTraces({ folder: runs, entry }, traces)) return true;
  if (entry.kind !== "folder") return false;
  // An agent may have closed its own folders to everyone, us included.
  await runs.unlock(entry.name);
  const run = await runs.enter(entry.name);
  try {
    for await (const visit of walkTree(run, { unlock: true })) {
      if (await namesTraces(visit, traces)) return true;
    }
    return false;
  } finally {
    await run.close();
  }
}

/** By its name, by its text, or by where it leads: what a symlink leads to is not ours. */
async function namesTraces({ folder, entry: { name, kind } }: Visit, traces: Traces): Promise<boolean> {
  if (traces.hits(name)) return true;
  if (kind === "symlink") return traces.hits(await folder.readLink(name));
  if (kind !== "file") return false;
  await folder.unlock(name);
  const read = await folder.read(name, MAX_SEARCHED_BYTES);
  if (read.kind === "file") return isIn(Buffer.from(read.content).toString("utf8"), traces);
  return read.kind === "too-large";
}

/** As it stands, and for lines of JSON as the texts in them: there a line break is two characters. */
function isIn(text: string, traces: Traces): boolean {
  return (
    traces.hits(text, "possible") ||
    text.split("\n").some((line) => textsOf(line).some((part) => traces.hits(part, "possible")))
  );
}

function textsOf(line: string): readonly string[] {
  const texts: string[] = [];
  if (!/^\s*[{["]/.test(line)) return texts;
  try {
    JSON.parse(line, (key, value: unknown) => {
      texts.push(key, ...(typeof value === "string" ? [value] : []));
    });
  } catch {
    // No JSON; it was looked at as it stands.
  }
  return texts;
}

const PAGE = 500;

/** Takes a thread out of what agents said, findings and causes, in every run's log and in snapshots of runs that are over. */
export async function purgeLog(runs: RunStore, traces: Traces): Promise<number> {
  await runs.dropPatches();
  let count = 0;
  for (let after = 0; ; ) {
    const page = await runs.log({ after, limit: PAGE });
    const rows = page.flatMap(({ id, type, data }) => {
      // What an agent says of its work, and findings that quote it, may be worded anew.
      const least = type.startsWith("agent.") || type === "gate.finding" ? "possible" : "certain";
      const clean = scrubJson(data, traces, least);
      return clean === data ? [] : [{ id, data: clean }];
    });
    if (rows.length > 0) await runs.redact({ rows, snapshot: null });
    count += rows.length;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last.id;
  }
  for (let before: string | undefined; ; ) {
    const page = await runs.list({ limit: PAGE, ...(before === undefined ? {} : { before }) });
    for (const { id, snapshot } of page) {
      const clean = scrubJson(snapshot, traces, "certain");
      if (clean === snapshot) continue;
      await runs.redact({ rows: [], snapshot: { run: id, snapshot: clean } });
      count += 1;
    }
    before = page.at(-1)?.id;
    if (before === undefined || page.length < PAGE) return count;
  }
}

/** Texts inside a JSON text; numbers, names and the rest stay as they are, byte for byte. */
function scrubJson(json: string, traces: Traces, least: "possible" | "certain"): string {
  let isChanged = false;
  const value: unknown = JSON.parse(json, (_key, part: unknown) => {
    if (typeof part !== "string" || !traces.hits(part, least)) return part;
    isChanged = true;
    return traces.without(part, least);
  });
  return isChanged ? JSON.stringify(value) : json;
}
