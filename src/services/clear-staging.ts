import { chmod, mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { RunPlaces } from "../domain/phase2.ts";
import type { Clock } from "../domain/ports.ts";
import { roomHome } from "../sandbox/room-home.ts";
import { QUARANTINE } from "../validation/quarantined.ts";

/** How many refused workspaces are kept for inspection, and for how long. */
export interface RejectedLimits {
  readonly maxRejected?: number;
  readonly maxRejectedDays?: number;
}

const MOST_REJECTED = 20;
const REJECTED_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Removes a run's staging, or moves it to `rejected` when it is worth a look. May be repeated. */
export async function clearStaging(
  places: RunPlaces,
  options: { readonly clock: Clock; readonly keep: boolean } & RejectedLimits,
): Promise<void> {
  const kept = options.keep
    ? await moveToRejected(places, options.clock)
    : await keepQuarantine(places, options);
  await removeTree(places.scratch);
  if (kept) await prune(places, options);
}

/** Of a run that was let through: what the gate took out of it, if anything. */
async function keepQuarantine(
  { scratch, rejected }: RunPlaces,
  { clock }: { readonly clock: Clock },
): Promise<boolean> {
  const from = join(scratch, QUARANTINE);
  if (!(await exists(from))) return false;
  await mkdir(rejected, { recursive: true, mode: 0o700 });
  await rename(from, join(rejected, QUARANTINE));
  const now = new Date(clock.nowMs());
  await utimes(rejected, now, now);
  return true;
}

async function moveToRejected({ scratch, rejected }: RunPlaces, clock: Clock): Promise<boolean> {
  if (!(await exists(scratch))) return true;
  await mkdir(dirname(rejected), { recursive: true, mode: 0o700 });
  await removeTree(roomHome(scratch));
  await removeTree(rejected);
  await rename(scratch, rejected);
  // Ages are counted by the clock that prunes, not by what the agent left as times.
  const now = new Date(clock.nowMs());
  await utimes(rejected, now, now);
  return true;
}

async function prune({ rejected }: RunPlaces, options: { readonly clock: Clock } & RejectedLimits) {
  const { clock, maxRejected = MOST_REJECTED, maxRejectedDays = REJECTED_DAYS } = options;
  const folder = dirname(rejected);
  const kept = await Promise.all(
    (await readdir(folder)).map(async (name) => ({ name, atMs: (await stat(join(folder, name))).mtimeMs })),
  );
  const newestFirst = kept.toSorted((a, b) => b.atMs - a.atMs || (a.name < b.name ? 1 : -1));
  const oldest = clock.nowMs() - maxRejectedDays * DAY_MS;
  const over = newestFirst.filter(({ atMs }, place) => place >= maxRejected || atMs < oldest);
  for (const { name } of over) if (name !== basename(rejected)) await removeTree(join(folder, name));
}

async function removeTree(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
  try {
    await remove();
  } catch (error) {
    if (!["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await openUp(path);
    await remove();
  }
}

/** An agent may have closed its own folders to everyone, us included. Symlinks are not followed. */
async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(folder, entry.name));
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
