import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { Journal, JournalStep, Manifest } from "../domain/generation.ts";
import {
  type FileRead,
  type Folder,
  forEachConcurrent,
  splitPath,
  within,
  withinMade,
} from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash, storedBlob } from "./blobs.ts";
import { openRoot } from "./check-root.ts";
import { assertOurs, type Mark, markText, readMark } from "./mark.ts";
import { MARK, SCAN_LIMITS, TEMPORARY } from "./memory-path.ts";
import { foldersOf, wavesOf } from "./publish-steps.ts";
import type { RootBench } from "./workbench.ts";

/**
 * Brings a committed publish to its end and closes its journal; the caller holds the lock of the root. May be
 * repeated from the start after a stop at any point: each step finds out by content whether it is done.
 * Every file changes in one rename; nothing is written in place.
 *
 * A file that is neither what it was before the publish nor what it will be was changed by a person after the commit.
 * It stays, and the next run finds it as an edit. Rejects with `root_write_failed`, the journal still open.
 */
export async function rollForward(bench: RootBench, journal: Journal): Promise<void> {
  const { store, files } = bench;
  const generation = await store.generations.read(journal.generation);
  const parent = generation?.parent ?? null;
  const before = parent === null ? [] : ((await store.generations.manifest(parent)) ?? []);
  try {
    await files.makeFolders(journal.root);
    const root = await openRoot(files, journal.root);
    if (root === null) throw new Error("The folder vanished while it was being written.");
    try {
      await layOut(bench, root, journal, before);
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
  await store.generations.closeJournal(journal.generation);
}

async function layOut(bench: RootBench, root: Folder, journal: Journal, before: Manifest): Promise<void> {
  await sweep(root);
  await leaveMark(bench, root, { space: journal.space });
  const old = new Map(before.map(({ path, hash }) => [path, hash]));
  for (const wave of wavesOf(journal.steps)) {
    for (const [folder, steps] of Map.groupBy(wave, ({ path }) => splitPath(path)[0])) {
      const work = (at: Folder) => stepAll(bench, at, steps, old);
      if (steps[0]?.do === "write") await withinMade(root, folder, work, true);
      else await withinIfFolder(root, folder, work);
    }
    await removeEmptied(root, wave);
  }
  await leaveMark(bench, root, { space: journal.space, generation: journal.generation });
}

async function stepAll(
  bench: RootBench,
  at: Folder,
  steps: readonly JournalStep[],
  old: ReadonlyMap<string, string>,
): Promise<void> {
  await sweep(at);
  await forEachConcurrent(steps, async (step) => {
    const name = splitPath(step.path)[1];
    const found = await at.read(name, SCAN_LIMITS.fileBytes);
    const current = found.kind === "file" ? await contentHash(found.content) : null;
    const isOld = current !== null && (current === old.get(step.path) || current === step.was);
    if (step.do === "delete" && isOld) await at.remove(name);
    if (step.do === "write" && (isOld || current === null)) {
      await replace(bench, at, name, await storedBlob(bench.store, step), found);
    }
  });
  await at.sync();
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

/** The permissions a person gave a file stay. */
async function replace(
  { ids }: Pick<RootBench, "ids">,
  at: Folder,
  name: string,
  content: Uint8Array,
  found: FileRead | null,
): Promise<void> {
  const temporary = `${TEMPORARY}${ids.token()}`;
  const mode = found?.kind === "file" ? { mode: found.facts.mode } : {};
  try {
    await at.create(temporary, content, { ...mode, sync: true });
    await at.rename(temporary, name);
  } catch (error) {
    // On a full disk the half-written file is what fills it.
    await at.remove(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Writes the mark, if it does not say this already; what is not given stays as it is. Rejects when the folder bears the mark of
 * another home or space.
 */
export async function leaveMark(
  bench: Pick<RootBench, "homeId" | "ids">,
  root: Folder,
  { space, ...said }: Omit<Mark, "home">,
): Promise<void> {
  const owner = { home: bench.homeId, space };
  const found = await readMark(root);
  if (found !== null) assertOurs(root.path, found, owner);
  const text = markText({ ...found, ...owner, ...said });
  if (found !== null && markText(found) === text) return;
  await sweep(root);
  await replace(bench, root, MARK, Buffer.from(text), null);
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
