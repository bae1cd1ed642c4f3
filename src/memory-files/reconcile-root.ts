import { hash } from "node:crypto";
import { pause } from "../domain/clock.ts";
import { codeOf } from "../domain/failure.ts";
import {
  changesBetween,
  type Finding,
  type Generation,
  type HandEdits,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import type { Lease } from "../domain/job.ts";
import { type Folder, splitPath, within } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash, missingBlobs } from "./blobs.ts";
import { inspectRoot, type RootFound } from "./check-root.ts";
import type { RootDeps } from "./deps.ts";
import { foundId } from "./generation-names.ts";
import { isHostPath } from "./host-files.ts";
import { newerThan, withoutKnown } from "./known-files.ts";
import {
  carryOverMemory,
  type EditedMemory,
  locateMemoryEdits,
  type ReadBlob,
  recordMemoryEdits,
} from "./memory-edits.ts";
import { SCAN_LIMITS } from "./memory-path.ts";
import { finishJournals, leaveMark } from "./publish.ts";

export interface ReconciledRoot {
  /** The generation that stands for what the root holds; null when there is none and it holds nothing. */
  readonly head: Head | null;
  /** What is in the folder now: the head's files, or nothing where the folder is missing or newly chosen. */
  readonly actual: Manifest;
  /** Foreign things in the folder: they are left alone, and nothing is published where they stand. */
  readonly foreign: readonly string[];
  /** A generation made just now of what a person left there. */
  readonly kept: Generation | null;
  /** What the person should know of the folder. */
  readonly findings: readonly Finding[];
}

export interface Head {
  readonly generation: Generation;
  readonly manifest: Manifest;
}

export interface ReconcileRequest {
  readonly run: string;
  readonly space: string;
  /** Null: there is no folder, so nobody can have changed anything. */
  readonly root: string | null;
  /** Null: no running row of the space (rollback, apply). */
  readonly lease: Lease | null;
}

const ATTEMPTS = 20;
const RETRY_MS = 50;

/**
 * Makes the store know what the memory root holds, before anything replaces it; the caller holds its lock. Rolls an open
 * journal forward first. What a person changed since the generation that the root is marked with, deletions included,
 * becomes a generation (`adopted` when the folder did not bear our mark, `edited` else) with their edits as data; a folder
 * that is only behind, because another machine published meanwhile, is no edit. A folder that is ahead of the store is
 * kept first, and reported. `lost`: the lease is no longer the caller's (null: the job is running), nothing was changed.
 */
export async function reconcileRoot(
  deps: RootDeps,
  request: ReconcileRequest,
): Promise<ReconciledRoot | "lost"> {
  const { files, homeId, clock } = deps;
  const { space, root } = request;
  if (root === null) {
    const head = await deps.store.generations.current(space);
    return { head, actual: head?.manifest ?? [], foreign: [], kept: null, findings: [] };
  }
  await finishJournals(deps, space, root);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inspectRoot(files, root, { home: homeId, space }, {}, (found) =>
        compare(deps, request, found),
      );
    } catch (error) {
      // Someone is saving a file at this very moment.
      if (codeOf(error) !== "content_changed" || attempt === ATTEMPTS) throw error;
      await pause(clock, RETRY_MS);
    }
  }
}

async function compare(
  deps: RootDeps,
  request: ReconcileRequest,
  found: RootFound | null,
): Promise<ReconciledRoot | "lost"> {
  const head = await deps.store.generations.current(request.space);
  const scanned = found?.scan.manifest ?? [];
  // An empty folder without our mark is a new place for the memory, not a memory someone emptied.
  if (found === null || (found.mark === null && scanned.length === 0)) {
    return { head, actual: [], foreign: [], kept: null, findings: [] };
  }
  const foreign = found.scan.problems.filter(({ kind }) => kind !== "hard-link").map(({ path }) => path);
  const actual = withUnreadable(scanned, head?.manifest ?? [], foreign);
  const known = { head, actual, foreign };
  const reported = await reportForeign(deps, request.space, found, foreign);
  if (isSame(head?.manifest ?? [], actual)) {
    const { lease } = request;
    const isFixed = head === null || lease === null || (await fixBlobs(deps, lease, head, found.folder));
    if (!isFixed) return "lost";
    if (head !== null && found.mark !== null) {
      await leaveMark(deps, found.folder, { space: request.space, generation: head.generation.id });
    }
    return { ...known, kept: null, findings: reported };
  }
  const seen = await classify(deps, head, found, actual);
  if (seen.kind === "behind") return { ...known, kept: null, findings: [...reported, behindFinding()] };
  const kept = await keepFolder(deps, request, { ...known, found, seen });
  if (kept === "lost") return "lost";
  return {
    ...known,
    head: kept.head,
    kept: kept.isNew ? kept.head.generation : null,
    findings: [...reported, ...kept.findings],
  };
}

/** A file that can't be read, or has become something else, was not deleted by anybody. */
export function withUnreadable(scanned: Manifest, head: Manifest, foreign: readonly string[]): Manifest {
  const there = new Set(scanned.map(({ path }) => path));
  const isBelow = (path: string) => foreign.some((other) => path === other || path.startsWith(`${other}/`));
  const hidden = head.filter(({ path }) => !there.has(path) && isBelow(path));
  return [...scanned, ...hidden].sort((a, b) => (a.path < b.path ? -1 : 1));
}

type Seen =
  /** No mark: the folder is taken over as it is. */
  | { readonly kind: "unmarked" }
  /** The folder is exactly what an earlier generation was. */
  | { readonly kind: "behind" }
  /** A person changed what this generation was. */
  | { readonly kind: "edited"; readonly since: Head; readonly theirs: Manifest }
  /** The mark names a generation that this store does not know. */
  | { readonly kind: "ahead"; readonly generation: string };

async function classify(
  { store }: RootDeps,
  head: Head | null,
  { mark }: RootFound,
  actual: Manifest,
): Promise<Seen> {
  if (mark === null) return { kind: "unmarked" };
  const { generation } = mark;
  if (generation === undefined || generation === head?.generation.id) {
    return head === null ? { kind: "unmarked" } : { kind: "edited", since: head, theirs: actual };
  }
  const marked = await store.generations.read(generation);
  const manifest = marked === null ? null : await store.generations.manifest(generation);
  if (marked === null || manifest === null || marked.withdrawnAtMs !== undefined)
    return { kind: "ahead", generation };
  const since = { generation: marked, manifest };
  const newer = head === null ? [] : await newerThan(store, since, head);
  const theirs = withoutKnown(actual, manifest, newer);
  return isSame(manifest, theirs) ? { kind: "behind" } : { kind: "edited", since, theirs };
}

interface KeptFolder {
  readonly head: Head | null;
  readonly actual: Manifest;
  readonly found: RootFound;
  readonly seen: Exclude<Seen, { readonly kind: "behind" }>;
}

/** Commits a generation of what the folder holds, or, on top of a newer head, of what the person changed in it. */
async function keepFolder(
  deps: RootDeps,
  { run, space, lease }: ReconcileRequest,
  { head, actual, found, seen }: KeptFolder,
): Promise<{ readonly head: Head; readonly isNew: boolean; readonly findings: readonly Finding[] } | "lost"> {
  const { store, clock } = deps;
  const blobs = new Map(await missingBlobs(store, actual, found.folder));
  const blob = blobsOf(deps, found.folder, actual, blobs);
  const isOnTop = seen.kind === "edited" && seen.since.generation.id !== head?.generation.id && head !== null;
  const merged = isOnTop
    ? await mergeOnto(head, seen.since, seen.theirs, { blob, blobs })
    : { manifest: actual, edits: await editsIn(head, seen, actual, blob) };
  if (isOnTop && isSame(merged.manifest, head.manifest))
    return { head, isNew: false, findings: [behindFinding()] };
  const kind = seen.kind === "edited" ? "edited" : "adopted";
  const nowMs = clock.nowMs();
  const parent = head?.generation.id ?? null;
  const generation: Generation = {
    id: foundId(run, kind, parent, merged.manifest),
    space,
    parent,
    run: null,
    kind,
    createdAtMs: nowMs,
    ...(Object.keys(merged.edits).length > 0 && { handEdits: merged.edits }),
  };
  const { manifest } = merged;
  const outcome = await store.generations.commit({
    lease,
    generation,
    manifest,
    blobs,
    journal: null,
    nowMs,
  });
  if (outcome === "lost") return "lost";
  if (!isOnTop && found.mark !== null)
    await leaveMark(deps, found.folder, { space, generation: generation.id });
  const findings = seen.kind === "ahead" ? [aheadFinding(seen.generation, generation.id)] : [];
  return { head: { generation, manifest }, isNew: true, findings };
}

/** What is a person's in a folder that becomes a generation as it is. */
async function editsIn(
  head: Head | null,
  seen: KeptFolder["seen"],
  actual: Manifest,
  blob: ReadBlob,
): Promise<HandEdits> {
  if (head === null) return recordMemoryEdits(null, actual, blob);
  if (seen.kind === "edited") return recordMemoryEdits(memoryOf(head), actual, blob);
  // Nobody knows what the folder was made from: words that are known to be the person's stay theirs.
  return locateMemoryEdits(memoryOf(head), actual, blob);
}

/** The newest generation with what a person changed of an earlier one. */
export async function mergeOnto(
  head: Head,
  since: Head,
  actual: Manifest,
  { blob, blobs }: { readonly blob: ReadBlob; readonly blobs: Map<string, Uint8Array> },
): Promise<EditedMemory> {
  const theirs = { manifest: actual, edits: await recordMemoryEdits(memoryOf(since), actual, blob) };
  const current = new Map<string, Uint8Array>();
  for (const { path, hash } of head.manifest) {
    const bytes = isHostPath(path) ? null : await blob(hash);
    if (bytes !== null) current.set(path, bytes);
  }
  const changed = await carryOverMemory(theirs, current, blob);
  const manifest = new Map(head.manifest.map((entry) => [entry.path, entry]));
  for (const [path, bytes] of changed) {
    if (bytes === null) manifest.delete(path);
    else {
      const hash = await contentHash(bytes);
      blobs.set(hash, bytes);
      manifest.set(path, { path, hash, bytes: bytes.length });
    }
  }
  const files = [...manifest.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const read: ReadBlob = async (hash) => blobs.get(hash) ?? blob(hash);
  const edits = {
    ...(await locateMemoryEdits(memoryOf(head), files, read)),
    ...(await locateMemoryEdits(theirs, files, read)),
  };
  return { manifest: files, edits };
}

export function memoryOf({ generation, manifest }: Head): EditedMemory {
  return { manifest, edits: generation.handEdits ?? {} };
}

/** Of the store, of what is about to be stored, or of the folder. */
export function blobsOf(
  { store }: Pick<RootDeps, "store">,
  folder: Folder,
  actual: Manifest,
  fresh: ReadonlyMap<string, Uint8Array>,
): ReadBlob {
  return async (hash) => {
    const known = fresh.get(hash) ?? (await store.generations.blob(hash));
    const entry = known === null ? actual.find((one) => one.hash === hash) : undefined;
    if (entry === undefined) return known;
    const [above, name] = splitPath(entry.path);
    const read = await within(folder, above, async (at) => at?.read(name, SCAN_LIMITS.fileBytes));
    return read?.kind === "file" ? read.content : null;
  };
}

function isSame(a: Manifest, b: Manifest): boolean {
  return isUnchanged(changesBetween(a, b));
}

/** What a disk let rot in the store is still whole in the folder: the agent is given the true files. False: the lease is lost. */
async function fixBlobs(
  { store, clock }: RootDeps,
  lease: Lease,
  { generation, manifest }: Head,
  folder: Folder,
): Promise<boolean> {
  const files = manifest.filter(({ path }) => !isHostPath(path));
  const blobs = await missingBlobs(store, files, folder, []);
  if (blobs.size === 0) return true;
  const request = { lease, generation: generation.id, manifest, blobs, nowMs: clock.nowMs() };
  return (await store.generations.rewrite(request)) === "applied";
}

const NAMED = 5;

/** Once for the same things: what was reported is remembered in the mark. */
async function reportForeign(
  deps: RootDeps,
  space: string,
  { folder, mark }: RootFound,
  foreign: readonly string[],
): Promise<readonly Finding[]> {
  if (mark === null) return [];
  const reported = foreign.length === 0 ? "" : hash("sha256", JSON.stringify(foreign), "hex").slice(0, 16);
  if ((mark.reported ?? "") === reported) return [];
  await leaveMark(deps, folder, { space, reported });
  if (foreign.length === 0) return [];
  const more = foreign.length > NAMED ? ` and ${foreign.length - NAMED} more` : "";
  const names = foreign.slice(0, NAMED).map(pathText).join(", ");
  return [
    warning(
      "root_foreign_things",
      `The memory folder holds things that are no part of a memory: ${names}${more}. They are left alone.`,
    ),
  ];
}

function behindFinding(): Finding {
  return warning(
    "root_behind",
    "The memory folder was behind: another machine or home published since it was last written. It is brought up to date.",
  );
}

function aheadFinding(marked: string, kept: string): Finding {
  return warning(
    "root_ahead",
    `The memory folder was last brought to generation ${pathText(marked)}, which this database does not know: the database was emptied or restored from an older backup, or a copy of this home publishes to the same folder. What the folder held is kept as generation ${kept}; \`slowwave rollback ${kept}\` brings it back. A copy needs a folder of its own (--memory-root).`,
  );
}

function warning(code: string, message: string): Finding {
  return { code, severity: "warn", path: null, message, repair: null };
}
