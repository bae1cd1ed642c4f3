import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../domain/clock.ts";
import type { RunEvent } from "../domain/event.ts";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { everyJob, type JobRow, type Lease, tokenHeldBy } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type RunRecord } from "../domain/run.ts";
import { DEFAULT_SETTINGS, type Settings } from "../domain/settings.ts";
import { outcomeOf, progressOf } from "../domain/status.ts";
import { type Files, removeTree } from "../files/folder.ts";
import type { Phase2Context } from "../machines/context.ts";
import { bringForward, isBehind } from "../memory-files/bring-forward.ts";
import type { RootDeps } from "../memory-files/deps.ts";
import { publishedId } from "../memory-files/generation-names.ts";
import { finishJournals } from "../memory-files/publish.ts";
import {
  type FreeSpaceDeps,
  freeSpace,
  spacesOfAbandonedOperations,
  withRootLock,
} from "../memory-files/root-lock.ts";
import { hasWorkspace } from "../memory-files/staging.ts";
import { endOrphanProcess } from "../process/tree.ts";
import { isReleased } from "../services/job.ts";
import type { Home } from "./home.ts";

interface Deps {
  readonly store: RootDeps["store"] & Pick<Store, "jobs" | "runs" | "liveness">;
  /** This process's owner id, under which an abandoned job is settled. */
  readonly owner: string;
}

/**
 * Repairs what dead or failed processes left beside their runs, in one space or in all, before anything is claimed:
 * a publish that broke off is brought to its end, the space of a killed `apply` or `purge` is given back, and a job
 * that is still held by a run that is over is settled as that run ended.
 */
export async function recoverAbandonedWork(
  deps: RootDeps & FreeSpaceDeps & Deps,
  rootOf: Home["rootOf"],
  space?: string,
): Promise<void> {
  for (const one of space === undefined ? await spacesWithAbandonedWork(deps) : [space]) {
    await finishPublish(deps, one, rootOf(one));
    await freeSpace(deps, one);
    await settleAbandonedJob(deps, one);
  }
}

/** Spaces whose run is unfinished are not among them: they are looked at when their run goes on. */
async function spacesWithAbandonedWork({ store }: FreeSpaceDeps & Deps): Promise<readonly string[]> {
  const spaces = new Set(await spacesOfAbandonedOperations(store));
  for await (const job of everyJob(store.jobs, { lastError: "failed_publish" })) spaces.add(job.job_key);
  for await (const job of everyJob(store.jobs, { status: "running" })) {
    if ((await abandonedBy(store, job)) !== null) spaces.add(job.job_key);
  }
  return [...spaces];
}

/** A root that can't be written is left to the next run, which has a status for it. */
async function finishPublish(deps: RootDeps, space: string, root: string | null): Promise<void> {
  if ((await deps.store.generations.openJournal(space)) === null) return;
  await withRootLock(deps, space, () => finishJournals(deps, space, root)).catch(() => {});
}

/** The run that left a job `running` is among the newest of its space. */
const SEARCHED_RUNS = 20;

/**
 * The finished run whose token still holds this row, or null. The answer of its claim was lost, or the store failed
 * when its end was to be written to the row; the row would otherwise keep the space until the lease is over.
 */
async function abandonedBy(store: Pick<Store, "runs">, row: JobRow | null): Promise<RunRecord | null> {
  if (row?.status !== "running" || row.ownership_token === null) return null;
  const newest = await store.runs.list({ space: row.job_key, limit: SEARCHED_RUNS });
  const isAbandoned = (run: RunRecord) =>
    (run.state === "done" || run.state === "error") && contextOf(run).token === row.ownership_token;
  return newest.find(isAbandoned) ?? null;
}

/** Settles the job as its finished run would have: nobody acts for that run any more, so its token may be used. */
async function settleAbandonedJob(
  { store, clock, owner }: FreeSpaceDeps & Deps,
  space: string,
): Promise<void> {
  const row = await store.jobs.read(space);
  const run = await abandonedBy(store, row);
  if (run === null || row?.ownership_token == null) return;
  const { settings = DEFAULT_SETTINGS, ...context } = contextOf(run) as Partial<Phase2Context>;
  const { leaseSeconds, retryDelaySeconds } = { ...DEFAULT_SETTINGS, ...settings };
  const request = { space, token: row.ownership_token, worker: owner, leaseSeconds, nowMs: clock.nowMs() };
  const lease: Lease | null = await store.jobs.takeOver(request);
  if (lease === null) return;
  const status = context.status ?? "failed_agent";
  // As of when the run ended: what it waits for since then is not waited for again.
  const nowMs = run.updatedAtMs;
  if (context.before) {
    await store.jobs.release({ lease, reason: "dry run", restore: context.before, nowMs });
  } else if (isReleased(status) || status === "failed_claim") {
    await store.jobs.release({ lease, reason: status, nowMs });
  } else if (outcomeOf(status) === "succeeded") {
    await store.jobs.succeed({ lease, watermark: context.completionWatermark ?? 0, nowMs });
  } else {
    await store.jobs.fail({ lease, reason: status, retryDelaySeconds, nowMs });
  }
}

/**
 * Removes the staging of runs that are over: a run whose agent could not be ended, or whose staging could not be removed
 * at its end, leaves it. The agent is ended first; where it still can't be, both stay for the next recovery, and for
 * `slowwave doctor` to tell. Folders of runs that the store does not know are left alone: they may be another store's.
 * Answers with what had to stay.
 */
export async function clearAbandonedStaging(
  { store, clock, files }: { readonly store: Store; readonly clock: Clock; readonly files: Files },
  home: string,
): Promise<readonly LeftStaging[]> {
  const path = join(home, "staging");
  const staging = await files.open(`${path}/.`).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (staging === null) return [];
  const left: LeftStaging[] = [];
  try {
    for (const { name } of await staging.list()) {
      const record = await store.runs.read(name);
      if (record === null || record.state === "active") continue;
      try {
        await endOrphanProcess(join(path, name), clock);
        await removeTree(staging, name);
      } catch (cause) {
        left.push({ path: join(path, name), cause });
      }
    }
    return left;
  } finally {
    await staging.close();
  }
}

/** The workspace of a run that is over, and why it is still there: its agent lives, or the system refuses to remove it. */
export interface LeftStaging {
  readonly path: string;
  readonly cause: unknown;
}

const IN_A_WORKSPACE = /^(syncing\.rawMemories|spawning|supervising|verifying|drafting|publishing)(\.|$)/;

/** Whether a run in this state (dotted) works in what syncing prepared. */
export function needsWorkspace(state: string): boolean {
  return IN_A_WORKSPACE.test(state);
}

/** So many runs of a space in a row may lose their machine at no cost; then the work itself is what ends machines. */
const MOST_LOST_IN_A_ROW = 5;

/**
 * Why a run that was taken over can't go on here: its workspace was on another machine. Null when it can: it needs none yet
 * or no more, or its generation is committed, so that only its end is missing.
 */
export async function findLostWorkspace(
  { store, files, home }: { readonly store: Store; readonly files: Files; readonly home: Home },
  run: {
    readonly id: string;
    readonly space: string;
    /** Dotted. */
    readonly state: string;
    readonly workspace: string | undefined;
  },
): Promise<SlowwaveError | null> {
  const { id, space, state, workspace } = run;
  if (!needsWorkspace(state)) return null;
  if (await hasWorkspace({ places: home.placesOf(space, id), files }, workspace)) return null;
  if ((await store.generations.read(publishedId(id))) !== null) return null;
  const newest = await store.runs.list({ space, limit: MOST_LOST_IN_A_ROW + 1 });
  const before = newest.filter((record) => record.id !== id).slice(0, MOST_LOST_IN_A_ROW);
  const isRepeated =
    before.length === MOST_LOST_IN_A_ROW &&
    before.every((record) => contextOf(record).status === "machine_lost");
  return isRepeated
    ? new SlowwaveError("failed_agent", `the machines of ${MOST_LOST_IN_A_ROW + 1} runs in a row were lost`)
    : new SlowwaveError("machine_lost", "the workspace of the run was on a machine that is gone");
}

/** The memory folder of this machine, after a run that another one published. One that can't be written is left to the next run. */
export async function bringRootForward(
  deps: RootDeps & { readonly home: Home },
  { run, space, lease }: { readonly run: string; readonly space: string; readonly lease: Lease },
): Promise<void> {
  const root = deps.home.rootOf(space);
  if (root === null) return;
  const request = { run, space, root, lease };
  try {
    if (await isBehind(deps, request)) await withRootLock(deps, space, () => bringForward(deps, request));
  } catch {
    // The run's own end does not hang on it.
  }
}

/** What observers hear of a run that nobody here can read. Its job row stays as it is until it is cancelled. */
export function parkedEvents({ id: run, space }: RunRecord, atMs: number): readonly RunEvent[] {
  const status = "parked_unknown_version";
  return [
    { type: "status.counted", run, space, atMs, status },
    { type: "progress", run, space, atMs, text: progressOf(status) },
  ];
}

/** Throws unless the context holds what adopting a run needs before its machine goes on. */
export function demandContext(run: Pick<RunRecord, "snapshot">): void {
  const context = contextOf(run);
  for (const name of ["run", "space", "token"]) {
    if (typeof context[name] !== "string") throw new Error(`its context has no ${name}`);
  }
  const leaseSeconds = (context.settings as Partial<Settings> | null | undefined)?.leaseSeconds;
  if (typeof leaseSeconds !== "number") throw new Error("its context has no settings");
}

/** Cancels a parked run: the job it still holds is released under its own token. False when it held nothing (any more). */
export async function releaseParked(
  { store, clock, owner }: { store: Pick<Store, "jobs">; clock: Clock; owner: string },
  run: RunRecord,
): Promise<boolean> {
  const { space } = run;
  const token = tokenHeldBy(run, await store.jobs.read(space));
  if (token === null) return false;
  const lease = await store.jobs.takeOver({
    space,
    token,
    worker: owner,
    leaseSeconds: 60,
    nowMs: clock.nowMs(),
  });
  if (lease === null) return false;
  return (await store.jobs.release({ lease, reason: "cancelled", nowMs: clock.nowMs() })) !== "lost";
}

/**
 * How many slices are taken after one run. A run makes fewer rows than one slice removes, so that this keeps pace with
 * what comes; a home that has much to make up for does so over its next runs.
 */
const SLICES_PER_RUN = 40;

/**
 * Takes away what is past its time in the space of a run that has ended: generations and their files first, then runs,
 * their logs and what they consolidated. Every slice is a few milliseconds; between two of them other work gets its turn.
 * Never rejects: what could not be removed now is removed after the next run.
 */
export async function retireAfterRun(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  space: string,
  { keepRuns, keepRunDays }: Pick<Settings, "keepRuns" | "keepRunDays">,
): Promise<void> {
  try {
    await retireGenerations({ store, clock }, space);
    for (let slice = 0; slice < SLICES_PER_RUN; slice += 1) {
      const { isDone } = await store.retire({ space, keepRuns, keepRunDays, nowMs: clock.nowMs() });
      if (isDone) return;
      await nextTurn();
    }
  } catch {
    // Housekeeping; that it failed is no failure of the run.
  }
}

/** What an unfinished run started from stays. */
async function retireGenerations(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  space: string,
): Promise<void> {
  const unfinished = await store.runs.list({ space, state: "active", limit: 10 });
  const bases = unfinished.map((run) => (contextOf(run) as Partial<Phase2Context>).base ?? null);
  await retire({ store, clock }, { space, bases });
}

export interface Retention {
  /** At most so many generations of a space are kept, and none longer than so many days. */
  readonly most: number;
  readonly days: number;
  /** So many of the newest stay, however old they are. */
  readonly floor: number;
}

export const RETENTION: Retention = { most: 20, days: 90, floor: 5 };

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Longer than any step takes between its look at a blob and the row that names it; one that was asleep so long is refused. */
const GRACE_MS = 2 * 60 * 60 * 1_000;
/** Small steps: what is not removed today is removed after the next run. */
const PER_STEP = 10;
const BLOBS_PER_STEP = 256;
const SEARCHED = 1_000;

/**
 * Takes generations away whose time is over, and blobs that nothing has named for two hours. The one in effect, what an
 * unfinished run started from, and what a kept draft stands on stay. One small step; run after each success.
 */
export async function retire(
  { store, clock }: { readonly store: Pick<Store, "generations">; readonly clock: Clock },
  { space, bases }: { readonly space: string; readonly bases: readonly (string | null)[] },
  { most, days, floor }: Retention = RETENTION,
): Promise<readonly string[]> {
  const { generations } = store;
  const nowMs = clock.nowMs();
  const kept = await generations.list(space, SEARCHED);
  const needed = new Set([...bases, ...(await generations.drafts(space)).map(({ base }) => base)]);
  const over = kept.filter(
    ({ id, createdAtMs }, place) =>
      place >= floor && !needed.has(id) && (place >= most || createdAtMs < nowMs - days * DAY_MS),
  );
  const gone = over.slice(-PER_STEP).map(({ id }) => id);
  if (gone.length > 0) await generations.remove(space, gone);
  await generations.collect({ nowMs, graceMs: GRACE_MS, limit: BLOBS_PER_STEP });
  return gone;
}
