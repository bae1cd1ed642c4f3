import { causeOf } from "../domain/failure.ts";
import type { Clock, Store } from "../domain/ports.ts";
import type { RunRecord } from "../domain/run.ts";
import type { DurableRun } from "./durable-run.ts";

/** Takes over the unfinished runs of dead owners, and goes on looking for them. */
export interface Recovery {
  /** Without a filter: everywhere. Rejects with the first failure where it was asked for one run or space. */
  recover(filter: { space?: string; run?: string }): Promise<readonly DurableRun[]>;
  /** From now on every 15 seconds, which does not keep the process alive; once is enough. */
  patrol(): void;
  rest(): void;
}

const PATROL_MS = 15_000;

export function recovery(engine: {
  readonly store: Pick<Store, "runs" | "owners">;
  readonly clock: Clock;
  readonly owner: string;
  /** What its runs are made by: those of other machines are let be, those of other versions are parked. */
  readonly is: { readonly machine: string; readonly version: string; readonly hash: string };
  register(): Promise<void>;
  isLive(run: string): boolean;
  /** Makes a run live here, under the fence that was raised for it. */
  resume(taken: RunRecord): Promise<DurableRun>;
  /** Throws what is wrong with a run that cannot be gone on with. */
  examine(record: RunRecord): void;
  parked(record: RunRecord): Promise<void>;
  /** Calls `adopt` if this process may work on one run more; else null, and a later look finds the run again. */
  admit?(record: RunRecord, adopt: () => Promise<DurableRun | null>): Promise<DurableRun | null>;
}): Recovery {
  const { store, clock, owner, is } = engine;
  let timer: unknown = null;
  let isResting = false;

  const adopt = async (record: RunRecord): Promise<DurableRun | null> => {
    if (record.machine !== is.machine) return null;
    const { id: run, fence } = record;
    const reason = reasonToPark(record);
    if (reason !== null) {
      if (await store.runs.park({ run, fence, reason, nowMs: clock.nowMs() })) await engine.parked(record);
      return null;
    }
    const taken = await store.runs.takeOver({ run, fence, owner, nowMs: clock.nowMs() });
    return taken === null || engine.isLive(run) ? null : engine.resume(taken);
  };

  /** What nobody here can go on with must not keep its space, and those who look for it, waiting for ever. */
  const reasonToPark = (record: RunRecord): string | null => {
    if (record.version !== is.version || record.hash !== is.hash) {
      return `made by ${record.machine} version ${record.version} (${record.hash}), this is version ${is.version} (${is.hash})`;
    }
    try {
      engine.examine(record);
      return null;
    } catch (error) {
      return `its state cannot be read: ${causeOf(error)}`;
    }
  };

  const unfinished = async ({ run, ...filter }: { space?: string; run?: string }) => {
    if (run === undefined) return store.runs.unfinished(filter);
    const record = await store.runs.read(run);
    return record?.state === "active" ? [record] : [];
  };

  /** Whose runs may be taken; each owner is looked at once, and who is dead stays dead. */
  const mourner = () => {
    const known = new Map<string, Promise<boolean>>();
    return (of: string): Promise<boolean> => {
      if (of === owner) return Promise.resolve(true);
      const answer = known.get(of) ?? store.owners.probe(of).then((state) => state === "dead");
      known.set(of, answer);
      return answer;
    };
  };

  const recoverNow = async (filter: { space?: string; run?: string }): Promise<readonly DurableRun[]> => {
    await engine.register();
    const adopted: DurableRun[] = [];
    const failures: unknown[] = [];
    const closedSpaces = new Set<string>();
    const isLeft = mourner();
    // Oldest first: they hold what younger ones wait for.
    for (const run of await unfinished(filter)) {
      if (engine.isLive(run.id) || closedSpaces.has(run.space)) continue;
      try {
        if (!(await isLeft(run.owner))) continue;
        const record = await store.runs.read(run.id);
        if (record?.state !== "active" || !(await isLeft(record.owner))) continue;
        const live = await (engine.admit?.(record, () => adopt(record)) ?? adopt(record));
        if (live !== null) adopted.push(live);
      } catch (error) {
        // One that can't be taken over yet, for its agent can't be ended, keeps nobody waiting but its own space.
        failures.push(error);
        if (run.space !== "") closedSpaces.add(run.space);
      }
    }
    const isAskedFor = filter.run !== undefined || filter.space !== undefined;
    if (failures.length > 0 && (isAskedFor || adopted.length === 0)) throw failures[0];
    return adopted;
  };

  /** One at a time: while a run is being taken over it is not live yet, and must not be taken over twice. */
  let recovering: Promise<unknown> = Promise.resolve();
  const recover: Recovery["recover"] = (filter) => {
    const result = recovering.then(() => recoverNow(filter));
    recovering = result.catch(() => {});
    return result;
  };

  /** A loop, not one pass at the start: owners die at any time, and a busy store may hide a run. */
  const look = () => {
    timer = clock.setTimeout(async () => {
      await recover({}).catch(() => {});
      if (!isResting) look();
    }, PATROL_MS);
    (timer as { unref?: () => void } | undefined)?.unref?.();
  };

  return {
    recover,
    patrol: () => {
      if (timer === null) look();
    },
    rest: () => {
      isResting = true;
      clock.clearTimeout(timer);
    },
  };
}
