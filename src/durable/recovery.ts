import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import { everyUnfinished, type RunRecord, type UnfinishedRun } from "../domain/run.ts";
import type { DurableRun } from "./options.ts";
import { repeated } from "./repeated.ts";
import type { Successor } from "./versions.ts";

/** Takes over the unfinished runs of dead owners, and goes on looking for them. */
export interface Recovery {
  /** Without a filter: everywhere. Rejects with the first failure where it was asked for one run or space. */
  recover(filter: { space?: string; run?: string }): Promise<readonly DurableRun[]>;
  /** From now on every 15 seconds, which does not keep the process alive; once is enough. */
  startPolling(): void;
  stopPolling(): void;
}

const POLL_MS = 15_000;

interface RecoveringEngine {
  readonly store: Pick<Store, "runs" | "liveness">;
  readonly clock: Clock;
  readonly owner: string;
  register(): Promise<void>;
  isLive(run: string): boolean;
  /** Runs of other machines are let be. */
  isOwn(record: RunRecord): boolean;
  /** The machine that goes on with a run, or why none here can. */
  successorOf(record: RunRecord): Promise<Successor>;
  /** Makes a run live here, under the fence that was raised for it. */
  resume(taken: RunRecord, successor: Successor & { kind: "machine" }): Promise<DurableRun>;
  /** Calls `adopt` if this process may work on one run more; else null, and a later look finds the run again. */
  readonly admit?: (record: RunRecord, adopt: () => Promise<DurableRun | null>) => Promise<DurableRun | null>;
  /** Whether a parked run may go on. */
  mayUnpark(record: RunRecord): Promise<boolean>;
  /** The ids of this engine's machines. */
  readonly names: readonly string[];
  /** Deals with a run that nothing here can go on with. */
  park(record: RunRecord, why: string): Promise<void>;
}

export function recovery(engine: RecoveringEngine): Recovery {
  const { clock } = engine;
  /** One at a time: while a run is being taken over it is not live yet, and must not be taken over twice. */
  let recovering: Promise<unknown> = Promise.resolve();
  const recover: Recovery["recover"] = (filter) => {
    const result = recovering.then(() => recoverNow(engine, filter));
    recovering = result.catch(() => {});
    return result;
  };

  /** A loop, not one pass at the start: owners die at any time, and a busy store may hide a run. */
  const poll = repeated({ clock, everyMs: POLL_MS, holdsProcess: false }, async () => {
    await recover({});
    return true;
  });
  return { recover, startPolling: poll.start, stopPolling: poll.stop };
}

async function recoverNow(
  engine: RecoveringEngine,
  filter: { space?: string; run?: string },
): Promise<readonly DurableRun[]> {
  const { store } = engine;
  await engine.register();
  const adopted: DurableRun[] = [];
  const failures: unknown[] = [];
  const closedSpaces = new Set<string>();
  const isLeft = abandonment(engine);
  // Oldest first: they hold what younger ones wait for.
  for await (const run of unfinished(store, filter)) {
    if (engine.isLive(run.id) || closedSpaces.has(run.space)) continue;
    try {
      if (!(await isLeft(run.owner))) continue;
      const record = await store.runs.read(run.id);
      // The owner may have changed since the list was read.
      if (record?.state !== "active" || !(await isLeft(record.owner))) continue;
      const adoptIt = () => adopt(engine, record);
      const live = await (engine.admit?.(record, adoptIt) ?? adoptIt());
      if (live !== null) adopted.push(live);
    } catch (error) {
      // One that can't be taken over yet, for its agent can't be ended, keeps nobody waiting but its own space.
      failures.push(error);
      if (run.space !== "") closedSpaces.add(run.space);
    }
  }
  adopted.push(...(await unparked(engine, filter, failures)));
  const isAskedFor = filter.run !== undefined || filter.space !== undefined;
  if (failures.length > 0 && (isAskedFor || adopted.length === 0)) throw failures[0];
  return adopted;
}

async function* unfinished(
  store: Pick<Store, "runs">,
  { run, ...filter }: { space?: string; run?: string },
): AsyncGenerator<UnfinishedRun> {
  if (run === undefined) return yield* everyUnfinished(store.runs, filter);
  const record = await store.runs.read(run);
  if (record?.state === "active") yield record;
}

/** Tells whose runs may be taken: those of dead owners and one's own. Each owner is looked at once; the dead stay dead. */
function abandonment({ store, owner: self }: RecoveringEngine): (owner: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  return (owner) => {
    if (owner === self) return Promise.resolve(true);
    const answer = known.get(owner) ?? store.liveness.probe(owner).then((state) => state === "dead");
    known.set(owner, answer);
    return answer;
  };
}

const PARKED_LIMIT = 100;

/** Parked runs of a version that this engine has: of a deploy that was taken back, or of a process of their own. */
async function unparked(
  engine: RecoveringEngine,
  { run, space }: { space?: string; run?: string },
  failures: unknown[],
): Promise<readonly DurableRun[]> {
  if (run !== undefined) return [];
  const { runs } = engine.store;
  const filter = { state: "parked", machines: engine.names, limit: PARKED_LIMIT } as const;
  const parked = await runs.list({ ...filter, ...(space === undefined ? {} : { space }) });
  const adopted: DurableRun[] = [];
  for (const record of parked) {
    try {
      if ((await engine.successorOf(record)).kind === "none" || !(await engine.mayUnpark(record))) continue;
      const adoptIt = () => adopt(engine, record);
      const live = await (engine.admit?.(record, adoptIt) ?? adoptIt());
      if (live !== null) adopted.push(live);
    } catch (error) {
      failures.push(error);
    }
  }
  return adopted;
}

async function adopt(engine: RecoveringEngine, record: RunRecord): Promise<DurableRun | null> {
  if (!engine.isOwn(record)) return null;
  const successor = await engine.successorOf(record);
  if (successor.kind === "none") {
    await engine.park(record, successor.why);
    return null;
  }
  const { id: run, fence } = record;
  const { of, snapshot } = successor;
  const isMigrated = snapshot !== record.snapshot;
  const taken = await engine.store.runs.takeOver({
    run,
    fence,
    owner: engine.owner,
    nowMs: engine.clock.nowMs(),
    ...(record.state === "parked" ? { isParked: true } : {}),
    ...(isMigrated ? { as: { version: of.version, hash: of.hash, snapshot } } : {}),
  });
  return taken === null || engine.isLive(run) ? null : engine.resume(taken, successor);
}
