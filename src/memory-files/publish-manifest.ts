import { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type Generation,
  type Journal,
  type JournalStep,
  type Manifest,
} from "../domain/generation.ts";
import type { Lease, Settled } from "../domain/job.ts";
import { pathText } from "../text/sanitize.ts";
import { damaged, unsoundBlobs } from "./blobs.ts";
import { rollForward } from "./roll-forward.ts";
import type { RootBench } from "./workbench.ts";

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
export function foldersOf(path: string): readonly string[] {
  const folders: string[] = [];
  for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    folders.push(path.slice(0, cut));
  }
  return folders;
}

/**
 * Brings every publish of the space that passed its point of no return to its end; the caller holds the root's
 * lock. Afterwards the root is whole. Does nothing, quickly, when there is none.
 */
export async function finishJournals(bench: RootBench, space: string, root: string): Promise<void> {
  const { generations } = bench.store;
  const next = () => generations.openJournal(space);
  for (let journal = await next(); journal !== null; journal = await next()) {
    try {
      await rollForward(bench, journal);
    } catch (error) {
      // The memory lives elsewhere now; a folder that nobody reads any more must not hold it up for ever.
      if (journal.root === root) throw error;
      await generations.closeJournal(journal.generation);
    }
  }
}

export interface Publication {
  /** Null: on no running row of the space (rollback, apply). */
  readonly lease: Lease | null;
  readonly generation: Generation;
  readonly manifest: Manifest;
  /** What the store doesn't hold yet. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly root: string;
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
export async function publishManifest(bench: RootBench, publication: Publication): Promise<Settled> {
  const { lease, generation, manifest, blobs, root, actual } = publication;
  const { store, clock } = bench;
  const { parent } = generation;
  const before = parent === null ? [] : ((await store.generations.manifest(parent)) ?? []);
  const steps = withFound(publishSteps(actual, manifest), actual, before);
  const journal: Journal = { space: generation.space, root, generation: generation.id, steps };
  assertFree(root, steps, publication.foreign);
  await assertSound(bench, steps, blobs);
  const nowMs = clock.nowMs();
  const settled = await store.generations.commit({ lease, generation, manifest, blobs, journal, nowMs });
  if (settled === "lost") return settled;
  const open = settled === "applied" ? journal : await store.generations.openJournal(generation.space);
  if (open !== null) await rollForward(bench, open);
  return settled;
}

/** A folder that was behind holds what neither the parent nor the new generation has; it may be replaced all the same. */
function withFound(
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

function assertFree(root: string, steps: readonly JournalStep[], foreign: readonly string[]): void {
  const obstacle = foreign.find((path) =>
    steps.some((step) => step.do === "write" && `${step.path}/`.startsWith(`${path}/`)),
  );
  if (obstacle === undefined) return;
  throw new SlowwaveError(
    "root_in_the_way",
    `${pathText(obstacle)} in the memory folder ${pathText(root)} stands where the memory has a file to write; move it away and run again. Nothing was touched.`,
  );
}

async function assertSound(
  { store }: RootBench,
  steps: readonly JournalStep[],
  fresh: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const written = steps.flatMap((step) => (step.do === "write" && !fresh.has(step.hash) ? [step] : []));
  const unsound = await unsoundBlobs(
    store.generations,
    written.map(({ hash }) => hash),
  );
  const bad = written.find(({ hash }) => unsound.has(hash));
  if (bad !== undefined) throw damaged(bad.path);
}
