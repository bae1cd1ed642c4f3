import type { Clock } from "../domain/clock.ts";
import { codeOf } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import { type DayLimits, dayUse, hasDayLimits } from "../domain/usage.ts";
import type { Engine, Run, StartRequest } from "../engine/engine-api.ts";
import type { Delivery } from "./worker-api.ts";

/** An admission that was asked for so long ago may be over by the time it is claimed. */
const LATEST_START_MS = 20_000;
/** A space that can't be begun here is left alone for so long; one that was not due after all, shorter. */
const RETRY_AFTER_PROBLEM_MS = 60_000;
const RETRY_AFTER_NOTHING_MS = 5_000;
/** The budget of a day is looked at again this often: it may have been raised. */
const SPENT_LOOK_MS = 10 * 60_000;

/** Begins admitted spaces and follows their runs to the end. */
export interface Starter {
  /** `askedMs`: when it was admitted, on the clock that never goes back. Never rejects. */
  start(admitted: {
    readonly space: string;
    readonly askedMs: number;
    /** Brought by a dispatcher: whether it still has a place is asked first. */
    readonly delivery?: Delivery & { accept(): Promise<boolean> };
  }): void;
  /** By name, now; rejects with what it can't be begun for. */
  startNow(request: StartRequest, isAdmitted: boolean): Promise<Run>;
  /** Spaces that are being begun. */
  starting(): readonly string[];
  /** Nothing is being begun any more. */
  settled(): Promise<void>;
  /** A dispatcher knows what became of all that it brought. */
  delivered(): Promise<void>;
  /** Follows runs that were begun elsewhere and are live here: those taken over. */
  follow(): void;
  leasesLost(): number;
}

interface StarterOptions {
  readonly engine: Engine;
  readonly store: Pick<Store, "admissions" | "runs">;
  readonly clock: Clock;
  readonly settings: Partial<DayLimits>;
  /** How long a space that can't be begun is left alone; null: the usual time. */
  readonly retryAfterMs: number | null;
  readonly mayStart: () => boolean;
  /** A place is free. */
  readonly ended: () => void;
  /** The machine of a run was lost before it had done anything that stays. May reject. */
  readonly lost: (space: string) => Promise<void>;
  readonly failed: (space: string, error: unknown) => void;
}

export function createStarter(options: StarterOptions): Starter {
  const { engine, failed, ended } = options;
  const starting = new Map<string, Promise<void>>();
  const followed = new Set<string>();
  const deliveries = new Set<Promise<unknown>>();
  let leasesLost = 0;

  const { begin, handBack } = beginning(options);

  function listen(run: Run): void {
    if (followed.has(run.id)) return;
    followed.add(run.id);
    void statusOf(run).then((status) => {
      followed.delete(run.id);
      if (status === "run_taken_over" || status === "failed_lost_ownership") leasesLost += 1;
      // Before others look for what is due.
      if (status === "machine_lost") options.lost(run.space).catch((error) => failed(run.space, error));
      ended();
    });
  }

  /** Apart from `listen`: a look may have found the run before. */
  function deliver(delivery: Delivery, run: Run | null): void {
    const done = (run === null ? Promise.resolve("not_started") : statusOf(run))
      .then((status) => delivery.done({ run: run?.id ?? null, status }))
      .catch(() => {})
      .finally(() => deliveries.delete(done));
    deliveries.add(done);
  }

  return {
    start: ({ space, askedMs, delivery }) => {
      // Of two the other is refused; its delivery is over.
      if (starting.has(space)) {
        if (delivery) deliver(delivery, null);
        return;
      }
      const work = async () => {
        const isAccepted = (await delivery?.accept().catch(() => false)) ?? true;
        const run = isAccepted
          ? await begin(space, askedMs).catch((error: unknown) => void failed(space, error))
          : null;
        starting.delete(space);
        if (run) listen(run);
        if (delivery) deliver(delivery, run || null);
      };
      starting.set(space, work());
    },
    startNow: async (request, isAdmitted) => {
      const { space = "global" } = request;
      try {
        const run = await engine.start({ ...request, waitForPlace: false });
        listen(run);
        // A claim has consumed the admission; a run that is skipped leaves it.
        if (isAdmitted) void run.result.catch(() => {}).then(() => handBack(space).catch(() => {}));
        return run;
      } catch (error) {
        if (isAdmitted) await handBack(space).catch(() => {});
        throw error;
      }
    },
    starting: () => [...starting.keys()],
    settled: async () => void (await Promise.all(starting.values())),
    delivered: async () => void (await Promise.all(deliveries)),
    follow: () => {
      for (const run of engine.live()) listen(run);
    },
    leasesLost: () => leasesLost,
  };
}

/** How a run ended; a code where this process had to leave it. Never rejects. */
function statusOf({ result }: Run): Promise<string> {
  return result.then(
    ({ status }) => status,
    (error: unknown) => codeOf(error) ?? "unexpected",
  );
}

/** Begins one admitted space, or hands it back. */
function beginning(options: StarterOptions) {
  const { engine, store, clock, failed, mayStart } = options;

  const handBack = (space: string, retryAfterMs?: number) =>
    store.admissions.handBack({
      worker: engine.owner,
      spaces: [space],
      nowMs: clock.nowMs(),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(1, retryAfterMs) }),
    });

  /** The run, or null when the space was handed back. */
  async function begin(space: string, askedMs: number): Promise<Run | null> {
    const isLate = clock.monotonicMs() - askedMs > LATEST_START_MS;
    if (isLate || !mayStart()) {
      await handBack(space);
      return null;
    }
    try {
      // Here and not only in the claim, or each look would leave a skipped run behind.
      const spentMs = await spentFor(space);
      if (spentMs !== null) {
        await handBack(space, Math.min(spentMs, SPENT_LOOK_MS));
        return null;
      }
      const run = await engine.startIfDue({ space, waitForPlace: false });
      if (run === null) await handBack(space, options.retryAfterMs ?? RETRY_AFTER_NOTHING_MS);
      return run;
    } catch (error) {
      const isFull = codeOf(error) === "no_place";
      await handBack(space, isFull ? undefined : (options.retryAfterMs ?? RETRY_AFTER_PROBLEM_MS)).catch(
        () => {},
      );
      if (!isFull) failed(space, error);
      return null;
    }
  }

  async function spentFor(space: string): Promise<number | null> {
    const { settings: limits } = options;
    if (!hasDayLimits(limits)) return null;
    const nowMs = clock.nowMs();
    const { freeAtMs } = await dayUse(store.runs, { space, limits, nowMs });
    return freeAtMs === null ? null : freeAtMs - nowMs;
  }

  return { begin, handBack };
}
