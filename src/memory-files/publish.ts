import { codeOf, SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type Generation,
  type Journal,
  type JournalStep,
  type Manifest,
  type ManifestEntry,
} from "../domain/generation.ts";
import type { Lease, Settled } from "../domain/job.ts";
import {
  type Facts,
  type FileRead,
  type Folder,
  forEachConcurrent,
  splitPath,
  within,
  withinMade,
} from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash, corruptBlobs, damaged, storedBlob } from "./blobs.ts";
import { assertOurs, type Mark, markText, openRoot, readMark } from "./check-root.ts";
import type { RootDeps } from "./deps.ts";
import { isHostPath } from "./host-files.ts";
import { foldedPath, isRootPlace, MARK, SCAN_LIMITS, TEMPORARY } from "./memory-path.ts";

/**
 * Brings every publish of the space that passed its point of no return to its end; the caller holds the root's
 * lock. Afterwards the root is whole. Does nothing, quickly, when there is none.
 *
 * The journal of a folder on another machine is closed: its generation is committed, and that machine brings its folder
 * forward by the folder's own mark when it looks at it next.
 */
export async function finishJournals(deps: RootDeps, space: string, root: string | null): Promise<void> {
  const { generations } = deps.store;
  if (root === null) return;
  const next = () => generations.openJournal(space);
  for (let journal = await next(); journal !== null; journal = await next()) {
    try {
      if (await isHere(deps, journal, root)) await rollForward(deps, journal);
      else await generations.closeJournal(journal.generation);
    } catch (error) {
      // The memory lives elsewhere now; a folder that nobody reads any more must not hold it up for ever.
      if (journal.root === root) throw error;
      await generations.closeJournal(journal.generation);
    }
  }
}

/**
 * Whether the journal was written for the folder that is here. Another machine may have written it, even for the same path:
 * then the folder's mark names another generation, or a new folder would get the changed files alone.
 */
async function isHere(deps: RootDeps, journal: Journal, root: string): Promise<boolean> {
  const { files, homeId, store } = deps;
  const folder = await openRoot(files, journal.root);
  if (folder === null) return journal.root === root && (await writesAll(deps, journal));
  try {
    const mark = await readMark(folder);
    // A folder that is taken over bears no mark yet.
    const isFresh = mark === null && !(await folder.list()).some(({ name }) => isRootPlace(name));
    if (isFresh) return journal.root === root && (await writesAll(deps, journal));
    if (mark === null) return journal.root === root;
    if (mark.home !== homeId || mark.space !== journal.space) return false;
    if (mark.generation === undefined || mark.generation === journal.generation) return true;
    return mark.generation === ((await store.generations.read(journal.generation))?.parent ?? null);
  } finally {
    await folder.close();
  }
}

async function writesAll({ store }: RootDeps, { generation, steps }: Journal): Promise<boolean> {
  const written = new Set(steps.flatMap((step) => (step.do === "write" ? [step.path] : [])));
  return ((await store.generations.manifest(generation)) ?? []).every(({ path }) => written.has(path));
}

export interface Publication {
  /** Null: on no running row of the space (rollback, apply). */
  readonly lease: Lease | null;
  readonly generation: Generation;
  readonly manifest: Manifest;
  /** What the store doesn't hold yet. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** Null: there is no folder; the commit is all. */
  readonly root: string | null;
  /** What the root holds now. */
  readonly actual: Manifest;
  /** Foreign things in the root. */
  readonly foreign: readonly string[];
}

/**
 * Makes a generation what readers see; the caller holds the root's lock. Rejects, nothing touched, with `blob_damaged`
 * when the store can't give back what it once took, and with `root_in_the_way` when a foreign thing stands where a file goes. One conditional commit of blobs, manifest and
 * journal is the point of no return: before it nothing is touched, after it only `rollForward` remains, here or
 * in whoever takes the lock next. A repetition finds its generation and finishes it.
 */
export async function publishManifest(deps: RootDeps, publication: Publication): Promise<Settled> {
  const { lease, generation, manifest, blobs, root, actual } = publication;
  const { store, clock } = deps;
  const { parent } = generation;
  const before = parent === null ? [] : ((await store.generations.manifest(parent)) ?? []);
  const steps = withFound(publishSteps(actual, manifest), actual, before);
  const { id, space } = generation;
  const journal: Journal | null = root === null ? null : { space, root, generation: id, steps };
  if (root !== null) assertFree(root, steps, publication.foreign);
  await assertIntact(deps, steps, blobs);
  const nowMs = clock.nowMs();
  const outcome = await store.generations.commit({ lease, generation, manifest, blobs, journal, nowMs });
  if (outcome === "lost" || root === null) return outcome;
  const open = outcome === "applied" ? journal : await store.generations.openJournal(generation.space);
  if (open !== null) await rollForward(deps, open);
  return outcome;
}

/** A folder that was behind holds what neither the parent nor the new generation has; it may be replaced all the same. */
export function withFound(
  steps: readonly JournalStep[],
  actual: Manifest,
  before: Manifest,
): readonly JournalStep[] {
  const [found, known] = [actual, before].map(
    (files) => new Map(files.map(({ path, hash }) => [path, hash])),
  );
  return steps.map((step) => {
    const was = found?.get(step.path);
    return was === undefined || was === known?.get(step.path) ? step : { ...step, was };
  });
}

export function assertFree(root: string, steps: readonly JournalStep[], foreign: readonly string[]): void {
  const obstacle = foreign.find((path) =>
    steps.some((step) => step.do === "write" && `${step.path}/`.startsWith(`${path}/`)),
  );
  if (obstacle === undefined) return;
  throw new SlowwaveError(
    "root_in_the_way",
    `${pathText(obstacle)} in the memory folder ${pathText(root)} stands where the memory has a file to write; move it away and run again. Nothing was touched.`,
  );
}

export async function assertIntact(
  { store }: Pick<RootDeps, "store">,
  steps: readonly JournalStep[],
  fresh: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const written = steps.flatMap((step) => (step.do === "write" && !fresh.has(step.hash) ? [step] : []));
  const corrupt = await corruptBlobs(
    store.generations,
    written.map(({ hash }) => hash),
  );
  const bad = written.find(({ hash }) => corrupt.has(hash));
  if (bad !== undefined) throw damaged(bad.path);
}

/**
 * What turns a memory root that holds `before` into one that holds `after`, in the order in which every
 * reference a reader follows exists: what is referred to is written before what refers to it, and deleted
 * after it. Unchanged files have no step.
 */
export function publishSteps(before: Manifest, after: Manifest): readonly JournalStep[] {
  const { added, modified, deleted } = changesBetween(before, after);
  const hashes = new Map(after.map(({ path, hash }) => [path, hash]));
  const written = [...added, ...modified];
  const isInTheWay = obstacle(written);
  const write = (path: string): JournalStep => ({ do: "write", path, hash: hashes.get(path) ?? "" });
  const remove = (path: string): JournalStep => ({ do: "delete", path });
  return [
    ...deleted.filter(isInTheWay).map(remove),
    ...written.toSorted(byArea).map(write),
    ...deleted
      .filter((path) => !isInTheWay(path))
      .toSorted((a, b) => byArea(b, a))
      .map(remove),
  ];
}

/** Steps that may be done in any order among themselves; the next ones only when all of these are on the disk. */
export function wavesOf(steps: readonly JournalStep[]): readonly (readonly JournalStep[])[] {
  const waves: JournalStep[][] = [];
  let last = "";
  for (const step of steps) {
    const kind = `${step.do} ${areaOf(step.path)}`;
    if (kind !== last) waves.push([]);
    waves.at(-1)?.push(step);
    last = kind;
  }
  return waves;
}

/** From what is referred to, to what refers to it. */
const AREAS = ["rollout_summaries", "skills", "raw_memories.md", "MEMORY.md", "memory_summary.md"];

function areaOf(path: string): number {
  return AREAS.indexOf(path.split("/", 1)[0] ?? "");
}

function byArea(a: string, b: string): number {
  return areaOf(a) - areaOf(b) || (a < b ? -1 : 1);
}

/** A deleted file where a folder is needed, or below what becomes a file. */
function obstacle(written: readonly string[]): (path: string) => boolean {
  const paths = new Set(written);
  const folders = new Set(written.flatMap(foldersOf));
  return (path) => folders.has(path) || foldersOf(path).some((folder) => paths.has(folder));
}

/** Nearest first. */
function foldersOf(path: string): readonly string[] {
  const folders: string[] = [];
  for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    folders.push(path.slice(0, cut));
  }
  return folders;
}

/**
 * Brings a committed publish to its end and closes its journal; the caller holds the lock of the root. May be
 * repeated from the start after a stop at any point: each step finds out by content whether it is done.
 * Every file changes in one rename; nothing is written in place.
 *
 * A file that is neither what it was before the publish nor what it will be was changed by a person after the commit.
 * It stays, and the next run finds it as an edit. Rejects with `root_write_failed`, the journal still open.
 */
export async function rollForward(deps: RootDeps, journal: Journal): Promise<void> {
  const { store } = deps;
  const generation = await store.generations.read(journal.generation);
  const parent = generation?.parent ?? null;
  const before = parent === null ? [] : ((await store.generations.manifest(parent)) ?? []);
  await writeRoot(deps, journal, before);
  await store.generations.closeJournal(journal.generation);
}

/** A checkout's mark has a digest beside the generation. */
type Written = Journal & Pick<Mark, "digest">;

/**
 * Takes the steps of a journal in its folder, and shows what became of it; the caller holds the lock of the root. `before`:
 * what the folder may hold of each file beside what a step says was there. Rejects with `root_write_failed`.
 */
export async function writeRoot(deps: RootDeps, journal: Written, before: Manifest): Promise<void> {
  const { files } = deps;
  try {
    await files.makeFolders(journal.root);
    const root = await openRoot(files, journal.root);
    if (root === null) throw new Error("The folder vanished while it was being written.");
    try {
      await layOut(deps, root, journal, before);
    } finally {
      await root.close();
    }
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    throw new SlowwaveError(
      "root_write_failed",
      `The memory folder ${pathText(journal.root)} could not be written; mend that and run again: it continues where it stopped.`,
      { cause: error },
    );
  }
  // Before the journal is closed: a process that is killed here leaves it to the next one, which shows the memory again.
  await deps.published?.({ space: journal.space, root: journal.root });
}

async function layOut(deps: RootDeps, root: Folder, journal: Written, before: Manifest): Promise<void> {
  await sweep(root);
  await leaveMark(deps, root, { space: journal.space });
  const old = new Map(before.map(({ path, hash }) => [path, hash]));
  for (const wave of wavesOf(journal.steps)) {
    for (const [folder, steps] of Map.groupBy(wave, ({ path }) => splitPath(path)[0])) {
      const work = (at: Folder) => stepAll(deps, at, steps, old);
      if (steps[0]?.do === "write") await withinMade(root, folder, work, true);
      else await withinIfFolder(root, folder, work);
    }
    await removeEmptied(root, wave);
  }
  const { space, generation, digest } = journal;
  await leaveMark(deps, root, { space, generation, ...(digest === undefined ? {} : { digest }) });
}

async function stepAll(
  deps: RootDeps,
  at: Folder,
  steps: readonly JournalStep[],
  old: ReadonlyMap<string, string>,
): Promise<void> {
  await sweep(at);
  await forEachConcurrent(steps, async (step) => {
    // Whoever saves a file while its successor is written beside it: then it is looked at again.
    while (!(await takeStep(deps, at, step, old.get(step.path) ?? null)));
  });
  await at.sync();
}

/** False: the file changed under the step, and nothing was done. */
async function takeStep(
  deps: RootDeps,
  at: Folder,
  step: JournalStep,
  before: string | null,
): Promise<boolean> {
  const name = splitPath(step.path)[1];
  const found = await at.read(name, SCAN_LIMITS.fileBytes);
  const current = found.kind === "file" ? await contentHash(found.content) : null;
  const isOld = current !== null && (current === before || current === step.was);
  if (step.do === "delete" && isOld) await at.remove(name);
  if (step.do === "delete" || (current !== null && !isOld)) return true;
  return replace(deps, at, name, await storedBlob(deps.store, step), found);
}

/** Where a folder was replaced by a file, by this very journal before a crash, nothing is left to delete. */
async function withinIfFolder(
  root: Folder,
  path: string,
  work: (at: Folder) => Promise<void>,
): Promise<void> {
  try {
    await within(root, path, async (at) => at && work(at));
  } catch (error) {
    if (codeOf(error) !== "ENOTDIR") throw error;
  }
}

/**
 * The permissions a person gave a file stay. False, and nothing is replaced, when the file is no longer what was `found`:
 * asked when the new one lies on the disk, so that only the rename itself is left between the answer and the deed.
 */
async function replace(
  { ids }: Pick<RootDeps, "ids">,
  at: Folder,
  name: string,
  content: Uint8Array,
  found: FileRead | null,
): Promise<boolean> {
  const temporary = `${TEMPORARY}${ids.token()}`;
  const mode = found?.kind === "file" ? { mode: found.facts.mode } : {};
  try {
    await at.create(temporary, content, { ...mode, sync: true });
    if (found !== null && !isAsFound(found, await at.facts(name))) {
      await at.remove(temporary);
      return false;
    }
    await at.rename(temporary, name);
    return true;
  } catch (error) {
    // On a full disk the half-written file is what fills it.
    await at.remove(temporary).catch(() => {});
    throw error;
  }
}

function isAsFound(found: FileRead, now: Facts | null): boolean {
  if (found.kind === "missing") return now === null;
  if (found.kind !== "file") return true;
  const { identity, bytes, changedMs } = found.facts;
  return now?.identity === identity && now.bytes === bytes && now.changedMs === changedMs;
}

/**
 * Writes the mark, if it does not say this already; what is not given stays as it is. Rejects when the folder bears the mark of
 * another home or space.
 */
export async function leaveMark(
  deps: Pick<RootDeps, "homeId" | "ids">,
  root: Folder,
  { space, ...marked }: Omit<Mark, "home">,
): Promise<void> {
  const owner = { home: deps.homeId, space };
  const found = await readMark(root);
  if (found !== null) assertOurs(root.path, found, owner);
  const text = markText({ ...found, ...owner, ...marked });
  if (found !== null && markText(found) === text) return;
  await sweep(root);
  await replace(deps, root, MARK, Buffer.from(text), null);
  await root.sync();
}

/** Removes temporary files that a killed process left; while the lock is ours nobody else has one. */
async function sweep(folder: Folder): Promise<void> {
  for (const { name, kind } of await folder.list()) {
    if (kind !== "folder" && name.startsWith(TEMPORARY)) await folder.remove(name);
  }
}

/** Folders that a deletion left empty; `rollout_summaries/` stays, as in the original. */
async function removeEmptied(root: Folder, wave: readonly JournalStep[]): Promise<void> {
  const deleted = wave.filter((step) => step.do === "delete");
  const folders = new Set(deleted.flatMap(({ path }) => foldersOf(path)));
  folders.delete("rollout_summaries");
  for (const path of [...folders].sort((a, b) => b.length - a.length)) {
    const [above, name] = splitPath(path);
    await withinIfFolder(root, above, async (at) => {
      if ((await at.facts(name))?.kind === "folder") await at.removeFolder(name);
      await at.sync();
    });
  }
}

export interface Merged {
  readonly manifest: Manifest;
  /** Changed on both sides: ours goes into effect, theirs stays in the generation that keeps their edits. */
  readonly conflicts: readonly string[];
}

/**
 * Three-way, by whole files: `base` is what the run started from, `theirs` what a person made of the root
 * meanwhile, `ours` what the run made of it. A file only they changed or deleted stays as they left it. The
 * host's files follow from the inputs and are always ours.
 */
export function merge(base: Manifest, theirs: Manifest, ours: Manifest): Merged {
  const [was, person, run] = [byPath(base), byPath(theirs), byPath(ours)];
  const taken = { ours: [] as ManifestEntry[], theirs: [] as ManifestEntry[] };
  const conflicts: string[] = [];
  for (const path of new Set([...person.keys(), ...run.keys()])) {
    const [old, their, our] = [was.get(path), person.get(path), run.get(path)];
    const theyChanged = their?.hash !== old?.hash;
    const weChanged = our?.hash !== old?.hash || isHostPath(path);
    if (theyChanged && weChanged && their?.hash !== our?.hash) conflicts.push(path);
    const side = theyChanged && !weChanged ? "theirs" : "ours";
    const entry = side === "theirs" ? their : our;
    if (entry !== undefined) taken[side].push(entry);
  }
  const isInTheWay = clashWith(taken.ours);
  const kept = taken.theirs.filter(({ path }) => !isInTheWay(path));
  conflicts.push(...taken.theirs.map(({ path }) => path).filter(isInTheWay));
  const manifest = [...taken.ours, ...kept].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { manifest, conflicts: conflicts.sort() };
}

function byPath(manifest: Manifest): ReadonlyMap<string, ManifestEntry> {
  return new Map(manifest.map((entry) => [entry.path, entry]));
}

/** Whether a file can't be beside these: a folder has its name, or a file that of its folder, or only case differs. */
function clashWith(entries: Manifest): (path: string) => boolean {
  const files = new Set(entries.map(({ path }) => foldedPath(path)));
  const folders = new Set(entries.flatMap(({ path }) => foldersOf(foldedPath(path))));
  return (path) => {
    const folded = foldedPath(path);
    return files.has(folded) || folders.has(folded) || foldersOf(folded).some((folder) => files.has(folder));
  };
}
