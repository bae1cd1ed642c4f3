import { type Observable, Subject } from "rxjs";
import type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Clock, Ids, Store } from "../domain/ports.ts";
import type { RunRecord } from "../domain/run.ts";
import type { DurableRun } from "./durable-run.ts";
import { leaves } from "./leaf.ts";
import { type Committed, LiveRun, type LiveRunWorld } from "./live-run.ts";
import { plainEvent } from "./plain-event.ts";
import { recovery } from "./recovery.ts";
import { structureHash } from "./structure-hash.ts";
import { systemClock, systemIds } from "./system.ts";
import { transitionsOf } from "./transition.ts";

export type Actors = Readonly<Record<string, AnyActorLogic>>;

/** What the actors of one run may know of it. */
export interface RunScope {
  readonly id: string;
  readonly space: string;
  /** Adds an observation to the run's log; it decides nothing. */
  note(type: string, data: unknown): void;
}

export interface DurableOptions {
  readonly store: Pick<Store, "runs" | "owners">;
  readonly machine: AnyStateMachine;
  /** Raise it with any change an old snapshot would not survive; runs of other versions are parked. Default "1". */
  readonly version?: string;
  /** The machine's actors by name, or a function that makes them for one run. */
  readonly actors: Actors | ((run: RunScope) => Actors);
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Sent when a run is cancelled. Default `{ type: "cancel" }`. */
  readonly cancelEvent?: EventObject;
  readonly commitPatienceMs?: number;
  /** Throws when the state a run was left in is not one of this machine's; it is parked then. Its text was restored. */
  readonly examine?: (record: RunRecord) => void;
  /** Before a run of a dead process goes on here: end what it left running, take over what it held. */
  readonly adopting?: (record: RunRecord) => Promise<void>;
  /** Asked before a run of a dead process is taken over; calls `adopt` if there is room for it here, else answers null. */
  readonly admit?: (record: RunRecord, adopt: () => Promise<DurableRun | null>) => Promise<DurableRun | null>;
  /** After a run of a dead process was parked: end what it left running. */
  readonly parked?: (record: RunRecord) => Promise<void>;
  /** When a run is live in this process, begun here or adopted. */
  readonly launched?: (run: DurableRun) => void;
  /** After this process's part in a run is over, for whatever reason. */
  readonly left?: (run: string, why: SlowwaveError | null) => void;
}

/**
 * Makes any XState machine durable. State, log and intended effects change in one commit; effects run only
 * from committed intents; a killed process's runs go on in the next one.
 *
 * What repeats after a crash: effects whose end was not committed, at most once per crash, under the same
 * intent key. Timers keep their due time. Custom actions run once, after the commit, and are not repeated.
 */
export interface DurableEngine {
  readonly owner: string;
  /** Every commit of this process, after it happened. */
  readonly committed$: Observable<Committed>;
  start(request: { id?: string; space?: string; input: unknown }): Promise<DurableRun>;
  /** A run that is live in this process. */
  get(run: string): DurableRun | null;
  live(): readonly DurableRun[];
  /**
   * Takes over unfinished runs whose owner is dead; parks those of unknown versions. Without a filter it also
   * goes on looking every 15 seconds until the engine is closed, which does not keep the process alive.
   */
  recover(filter?: { space?: string; run?: string }): Promise<readonly DurableRun[]>;
  cancel(run: string): Promise<"cancelled" | "requested" | "over" | "unknown">;
  /** `cancel` (default): cancels live runs and waits for their end; `leave`: leaves them to the next process. */
  close(options?: { runs: "cancel" | "leave" }): Promise<void>;
}

const POLL_MS = 1_000;

export function createDurableEngine(options: DurableOptions): DurableEngine {
  const { store, machine } = options;
  const clock = options.clock ?? systemClock;
  const ids = options.ids ?? systemIds(clock);
  const version = options.version ?? "1";
  const hash = structureHash(machine);
  const transitions = transitionsOf(machine);
  const runLeaf = leaves(clock);
  const cancelEvent = options.cancelEvent ?? { type: "cancel" };
  const owner = ids.token();
  const committed$ = new Subject<Committed>();
  const lives = new Map<string, Live>();
  let registration: Promise<{ unregister(): Promise<void> }> | null = null;
  let closed = false;
  let poll: Held | undefined | null = null;

  /** The owner lock is taken with the first run, so that looking at a store costs nothing. */
  const register = async () => {
    const isOpen = () => {
      if (closed) throw new SlowwaveError("engine_closed", "The engine is closed; create a new one.");
    };
    isOpen();
    registration ??= store.owners.register(owner);
    await registration;
    isOpen();
  };

  const worldOf = (scope: RunScope): LiveRunWorld => ({
    runs: store.runs,
    clock,
    transitions,
    runLeaf,
    actors: typeof options.actors === "function" ? options.actors(scope) : options.actors,
    commitPatienceMs: options.commitPatienceMs ?? 60_000,
    committed: (step) => {
      committed$.next(step);
    },
    ended: (run, why) => {
      const live = lives.get(run);
      lives.delete(run);
      options.left?.(run, why);
      live?.settle(why);
      if (lives.size === 0) poll?.unref?.();
    },
  });

  const scopeOf = (id: string, space: string): RunScope => ({
    id,
    space,
    note: (type, data) => {
      // An observation that cannot be kept is lost; it decides nothing.
      store.runs.note(id, { atMs: clock.nowMs(), type, data }).catch(() => {});
    },
  });

  /** `begin` gets the world and gives the live run; it is registered before anything of it can end. */
  const launch = async (
    run: { id: string; space: string; adopted: boolean },
    begin: (world: LiveRunWorld) => Promise<LiveRun>,
  ): Promise<DurableRun> => {
    let settle: (why: SlowwaveError | null) => void = () => {};
    let liveRun: LiveRun | null = null;
    let last: AnyMachineSnapshot | null = null;
    const done = new Promise<AnyMachineSnapshot>((resolve, reject) => {
      settle = (why) =>
        why === null ? resolve((last ?? liveRun?.snapshot) as AnyMachineSnapshot) : reject(why);
    });
    done.catch(() => {});
    const world = worldOf(scopeOf(run.id, run.space));
    // What is said while the first commit is under way is heard right after it.
    const early: ((live: LiveRun) => void)[] = [];
    const tell = (word: (live: LiveRun) => void) =>
      liveRun === null ? void early.push(word) : word(liveRun);
    const durable: DurableRun = {
      ...run,
      done,
      snapshot: () => (liveRun?.snapshot ?? last) as AnyMachineSnapshot,
      send(event) {
        const said = plainEvent(event);
        tell((live) => live.send(said));
      },
    };
    lives.set(run.id, { durable, settle, leave: (why) => tell((live) => live.leave(why)) });
    try {
      liveRun = await begin({
        ...world,
        committed: (step) => {
          last = step.snapshot;
          world.committed(step);
        },
      });
    } catch (error) {
      lives.delete(run.id);
      throw error;
    }
    options.launched?.(durable);
    for (const word of early) word(liveRun);
    watch();
    return durable;
  };

  /**
   * Looks for cancel requests of other processes, while runs live. A timer that is set with each run and cleared
   * after it costs a short run more than a step, so it is left to ring; only live runs keep the process alive.
   */
  const watch = () => {
    if (closed || lives.size === 0) return;
    if (poll !== null) {
      poll?.ref?.();
      return;
    }
    poll = clock.setTimeout(async () => {
      poll = null;
      if (lives.size === 0) return;
      try {
        for (const run of await store.runs.cancelRequests(owner)) lives.get(run)?.durable.send(cancelEvent);
      } catch {
        // Busy: asked again in a second.
      }
      watch();
    }, POLL_MS) as Held | undefined;
  };

  const { recover, patrol, rest } = recovery({
    store,
    clock,
    owner,
    is: { machine: machine.id, version, hash },
    register,
    isLive: (run) => lives.has(run),
    async resume(record) {
      await options.adopting?.(record);
      const run = { id: record.id, space: record.space, adopted: true };
      const adopted = await launch(run, (world) => LiveRun.resume(world, record));
      if (record.cancelRequestedAtMs !== null) adopted.send(cancelEvent);
      return adopted;
    },
    examine(record) {
      transitions.restore(record.snapshot);
      options.examine?.(record);
    },
    parked: async (record) => options.parked?.(record),
    ...(options.admit === undefined ? {} : { admit: options.admit }),
  });

  return {
    owner,
    committed$: committed$.asObservable(),
    async start({ id = ids.run(), space = "", input }) {
      await register();
      const run = { id, space, machine: machine.id, version, hash, owner, createdAtMs: clock.nowMs() };
      return launch({ id, space, adopted: false }, (world) => LiveRun.create(world, run, input));
    },
    get: (run) => lives.get(run)?.durable ?? null,
    live: () => [...lives.values()].map((live) => live.durable),
    async recover(filter) {
      if (filter === undefined && !closed) patrol();
      return recover(filter ?? {});
    },
    async cancel(run) {
      const live = lives.get(run);
      if (live !== undefined) {
        live.durable.send(cancelEvent);
        await live.durable.done.catch(() => {});
        return "cancelled";
      }
      const record = await store.runs.read(run);
      if (record === null) return "unknown";
      if (record.state !== "active") return "over";
      await store.runs.requestCancel(run, clock.nowMs());
      const [adopted] = await recover({ run });
      if (adopted === undefined) return "requested";
      await adopted.done.catch(() => {});
      return "cancelled";
    },
    async close({ runs } = { runs: "cancel" }) {
      if (closed) return;
      closed = true;
      if (poll !== null) clock.clearTimeout(poll);
      rest();
      const leaving = [...lives.values()];
      if (runs === "cancel") {
        for (const live of leaving) live.durable.send(cancelEvent);
        await Promise.allSettled(leaving.map((live) => live.durable.done));
      } else {
        for (const live of leaving) {
          live.leave(
            new SlowwaveError("engine_closed", "The engine was closed; the next process continues the run."),
          );
        }
      }
      committed$.complete();
      await (await registration)?.unregister();
    },
  };
}

/** What a clock's timer may be asked, where it can hold the process. */
type Held = { ref?(): void; unref?(): void };

interface Live {
  readonly durable: DurableRun;
  readonly settle: (why: SlowwaveError | null) => void;
  readonly leave: (why: SlowwaveError) => void;
}
