import { basename, dirname } from "node:path";
import type { Clock } from "../domain/clock.ts";
import type { RunPlaces } from "../domain/phase2.ts";
import type { Files, Folder } from "../files/folder.ts";
import { removePath, removeTree } from "../files/tree.ts";
import { PROCESS_RECORD } from "../process/process-record.ts";
import { roomHome } from "../sandbox/sandbox.ts";
import { QUARANTINE } from "../validation/quarantine.ts";

/** How many refused workspaces are kept for inspection, and for how long. */
export interface RejectedLimits {
  readonly maxRejected?: number;
  readonly maxRejectedDays?: number;
}

export interface ClearOptions extends RejectedLimits {
  readonly clock: Clock;
  readonly files: Files;
  /** Whether the workspace is worth a look: it is moved to `rejected`. */
  readonly keep: boolean;
  /** Whether the record of the agent's process stays: the agent could not be ended, and is looked for again by it. */
  readonly keepRecord?: boolean;
}

const MOST_REJECTED = 20;
const REJECTED_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Removes a run's staging, or moves it to `rejected`. No symlink in it is followed. May be repeated. */
export async function clearStaging(places: RunPlaces, options: ClearOptions): Promise<void> {
  const { files } = options;
  const kept = options.keep ? await moveToRejected(places, options) : await keepQuarantine(places, options);
  // Without a record nobody could look for the agent again.
  const hasRecord = (await files.facts(`${places.scratch}/${PROCESS_RECORD}`)) !== null;
  if (options.keepRecord === true && hasRecord) await removeAllButRecord(places, files);
  else await removePath(files, places.scratch);
  if (kept) await pruneRejected(places, options);
}

async function removeAllButRecord({ scratch }: RunPlaces, files: Files): Promise<void> {
  await withFolders(files, [scratch], async ([folder]) => {
    for (const { name } of await folder.list()) if (name !== PROCESS_RECORD) await removeTree(folder, name);
  });
}

/** Keeps what the gate took out of the memory of a run that it let through, if anything. */
async function keepQuarantine(places: RunPlaces, { files, clock }: ClearOptions): Promise<boolean> {
  if ((await files.facts(`${places.scratch}/${QUARANTINE}`)) === null) return false;
  await files.makeFolders(places.rejected);
  await withFolders(files, [places.scratch, places.rejected], async ([scratch, rejected]) => {
    await removeTree(rejected, QUARANTINE);
    await scratch.move(QUARANTINE, rejected, QUARANTINE);
  });
  await dateRejected(places, { files, clock });
  return true;
}

async function moveToRejected(places: RunPlaces, { files, clock }: ClearOptions): Promise<boolean> {
  const { scratch, rejected } = places;
  if ((await files.facts(scratch)) === null) return true;
  await removePath(files, rejected);
  await files.makeFolders(rejected);
  await withFolders(files, [scratch, rejected], async ([from, to]) => {
    // It may hold copies of the person's keys.
    await removeTree(from, basename(roomHome(scratch)));
    for (const { name } of await from.list()) if (name !== PROCESS_RECORD) await from.move(name, to, name);
  });
  await dateRejected(places, { files, clock });
  return true;
}

/** Ages are counted by the clock that prunes, not by the times that the agent left. */
async function dateRejected(
  { rejected }: RunPlaces,
  { files, clock }: Pick<ClearOptions, "files" | "clock">,
) {
  await withFolders(files, [dirname(rejected)], ([all]) => all.setTime(basename(rejected), clock.nowMs()));
}

async function pruneRejected({ rejected }: RunPlaces, options: ClearOptions): Promise<void> {
  const { clock, files, maxRejected = MOST_REJECTED, maxRejectedDays = REJECTED_DAYS } = options;
  await withFolders(files, [dirname(rejected)], async ([all]) => {
    const kept: { readonly name: string; readonly atMs: number }[] = [];
    for (const { name } of await all.list()) {
      const facts = await all.facts(name);
      if (facts !== null) kept.push({ name, atMs: facts.changedMs });
    }
    const newestFirst = kept.toSorted((a, b) => b.atMs - a.atMs || (a.name < b.name ? 1 : -1));
    const oldest = clock.nowMs() - maxRejectedDays * DAY_MS;
    const over = newestFirst.filter(({ atMs }, place) => place >= maxRejected || atMs < oldest);
    for (const { name } of over) if (name !== basename(rejected)) await removeTree(all, name);
  });
}

async function withFolders<const Paths extends readonly string[], Result>(
  files: Files,
  paths: Paths,
  use: (folders: { readonly [At in keyof Paths]: Folder }) => Promise<Result>,
): Promise<Result> {
  const folders: Folder[] = [];
  try {
    for (const path of paths) folders.push(await files.open(`${path}/.`));
    return await use(folders as unknown as { readonly [At in keyof Paths]: Folder });
  } finally {
    for (const folder of folders) await folder.close();
  }
}
