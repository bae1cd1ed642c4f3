import type { Observable } from "rxjs";
import type {
  AnyActorLogic,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventFromLogic,
  EventObject,
  InputFrom,
  SnapshotFrom,
} from "xstate";
import type { Clock, Ids } from "../domain/clock.ts";
import type { SlowwaveError } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import type { CommitRequest, LogRow, RunRecord } from "../domain/run.ts";
import type { Codec } from "./plain-event.ts";

/** Actor logic by the names that a machine's `invoke` and `spawn` use. */
export type Actors = Readonly<Record<string, AnyActorLogic>>;

/** What the actors of one run may know of it. */
export interface RunScope {
  readonly id: string;
  readonly space: string;
  /** Adds an observation to the run's log; it decides nothing. */
  note(type: string, data: unknown): void;
}

/** What a commit led to; told to observers after the commit and before any effect of it. */
export interface Committed {
  readonly run: string;
  readonly space: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly event: EventObject;
  /** Key of the actor that the event went to: its path from the root machine, which is "". */
  readonly actor: string;
  /** Dotted state value of the root machine. */
  readonly value: string;
  readonly before: AnyMachineSnapshot | null;
  readonly snapshot: AnyMachineSnapshot;
  readonly state: CommitRequest["state"];
}

/** An event that an actor gave to observers by `emit`; told after the commit of the step, once. */
export interface Emitted {
  readonly run: string;
  readonly space: string;
  /** Key of the actor. */
  readonly actor: string;
  readonly event: EventObject;
}

/** What became of an event that was sent. */
export type Receipt =
  /** It is committed, as the run's step of this number. */
  | { readonly outcome: "handled"; readonly sequence: number }
  /** The state that the run is in does nothing with it, or the run is over; nothing was written. */
  | { readonly outcome: "unhandled" }
  /** It is in the store; the process that has the run, or the next one, takes it in. */
  | { readonly outcome: "stored" };

/** How often a failed leaf actor is tried again before its machine hears of it. */
export interface RetryPolicy {
  /** With the first one; at least 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt, doubled each time; or a function of the failures so far. Default 0. */
  readonly backoffMs?: number | ((failures: number) => number);
}

/** Why a run stays where it is: no machine of this engine can go on with it. */
export interface ParkedRun {
  readonly id: string;
  readonly space: string;
  readonly machine: string;
  readonly version: string;
  readonly why: string;
}

export interface DurableOptions<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly store: Pick<Store, "runs" | "liveness">;
  /** The machine that `start` runs. Several: `machines`. */
  readonly machine?: Machine;
  /** Several machines, or several versions of one: new runs take the first of the name they ask for. */
  readonly machines?: readonly Machine[];
  /** Version of machines that name none themselves (`createMachine({ version })`). Default "1". */
  readonly version?: string;
  /** In place of the root machine's own actors: by name, or a function that gives them for one run. */
  readonly actors?: Actors | ((run: RunScope) => Actors);
  /** By name of the actor. */
  readonly retry?: Readonly<Record<string, RetryPolicy>>;
  /** Keeps values that JSON cannot, such as dates and maps. Default: JSON, which refuses them with `not_json`. */
  readonly codec?: Codec;
  /** Turns the snapshot of another version into one of this; what it throws leaves the run where it is. */
  readonly migrate?: (snapshot: unknown, from: { machine: string; version: string; hash: string }) => unknown;
  /** Hears what machines log by `log`. Default: nothing. */
  readonly logger?: (entry: { run: string; actor: string; parts: readonly unknown[] }) => void;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Sent when a run is cancelled. Default `{ type: "cancel" }`. */
  readonly cancelEvent?: EventObject;
  /** How long a commit is retried while the store is busy. Milliseconds, default 60,000. */
  readonly commitPatienceMs?: number;
  /** How long `cancel` and `close` wait for runs to end, and for what was sent to be handled. Default 60,000. */
  readonly graceMs?: number;
  /** How often this process asks the store for signals, cancel requests and pauses of its runs. Default 1,000. */
  readonly pollMs?: number;
  /**
   * What happens to runs that no machine of this engine can go on with. `leave` (default): they stay as they are for
   * a process of their version. `park`: they are marked as parked, and a process of their version goes on with them.
   */
  readonly unknownVersions?: "leave" | "park";
  /** Throws when the state a run was left in is not one of this machine's. Its text was restored. */
  readonly examine?: (record: RunRecord) => void;
  /** Before a run of a dead process goes on here: end what it left running, take over what it held. */
  readonly adopting?: (record: RunRecord) => Promise<void>;
  /** Asked before a run of a dead process is taken over; calls `adopt` if there is room for it here, else answers null. */
  readonly admit?: (record: RunRecord, adopt: () => Promise<DurableRun | null>) => Promise<DurableRun | null>;
  /** When a run of a dead process is found that nothing here can go on with; once for each such run. */
  readonly parked?: (record: RunRecord) => Promise<void>;
  /** Whether a parked run that a machine here can go on with may go on. Default: yes. */
  readonly unpark?: (record: RunRecord) => Promise<boolean>;
  /** When a run is live in this process, begun here or adopted. */
  readonly launched?: (run: DurableRun<Machine>) => void;
  /** After this process's part in a run is over, for whatever reason. */
  readonly left?: (run: string, why: SlowwaveError | null) => void;
}

/** A run that was started, or is live in this process. */
export interface DurableRun<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly id: string;
  readonly space: string;
  readonly adopted: boolean;
  /** The machine's final snapshot. Rejects when this process has to leave the run unfinished. */
  readonly done: Promise<SnapshotFrom<Machine>>;
  /** As it was last committed, as far as this process knows. */
  snapshot(): SnapshotFrom<Machine>;
  /**
   * Sends an event to the root machine. Resolves when it is committed; says so when nothing handled it. Throws
   * `not_json` for an event that cannot be recorded; rejects when this process has to leave the run before.
   */
  send(event: EventFromLogic<Machine>): Promise<Receipt>;
}

/** A run as the store has it. */
export interface StoredSnapshot {
  readonly id: string;
  readonly state: RunRecord["state"];
  readonly sequence: number;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
  readonly tags: readonly string[];
  matches(value: unknown): boolean;
  hasTag(tag: string): boolean;
  /** Child actors by key: where they stand. */
  readonly actors: Readonly<Record<string, { readonly value: unknown; readonly context: unknown }>>;
}

export interface RunQuery {
  readonly state?: RunRecord["state"];
  readonly space?: string;
  /** Dotted: `open`, or `open.waiting` for an inner state. */
  readonly value?: string;
  readonly tag?: string;
  /** Runs older than this id; for paging, newest first. */
  readonly after?: string;
  /** Default 100. */
  readonly limit?: number;
}

/**
 * Makes XState machines durable. State, log and intended effects change in one commit; effects run only from committed
 * intents; a killed process's runs go on in the next one. `docs/durable.md` says what survives what.
 */
export interface DurableEngine<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly owner: string;
  /** Every commit of this process, after it happened. */
  readonly committed$: Observable<Committed>;
  /** What actors `emit`, after the commit of the step that did. */
  readonly emitted$: Observable<Emitted>;
  /**
   * Starts a run. The same id with the same input is the same run, in whatever process it lives; with another input
   * it rejects with `run_exists`. `machine` names one of several machines.
   */
  start(request: {
    id?: string;
    space?: string;
    machine?: string;
    input?: InputFrom<Machine>;
  }): Promise<DurableRun<Machine>>;
  /** A run that is live in this process. */
  get(run: string): DurableRun<Machine> | null;
  live(): readonly DurableRun<Machine>[];
  /**
   * Sends an event to a run, in whatever process it lives. With a key the event counts once, however often it is sent.
   * Rejects with `run_unknown` where there is no such run.
   */
  send(
    run: string,
    event: EventFromLogic<Machine>,
    options?: { key?: string; timeoutMs?: number },
  ): Promise<Receipt>;
  /** Resolves with the first stored state that the test accepts; rejects with `wait_timeout`, or `run_over` when none can come. */
  waitFor(
    run: string,
    test: (snapshot: StoredSnapshot) => boolean,
    options?: { timeoutMs?: number },
  ): Promise<StoredSnapshot>;
  /** Null when there is no such run. */
  snapshot(run: string): Promise<StoredSnapshot | null>;
  /** Runs of this engine's machines, newest first. */
  list(query?: RunQuery): Promise<readonly StoredSnapshot[]>;
  /** Every event of the run, with the actor it went to and the state it led to. */
  history(run: string): Promise<readonly LogRow[]>;
  /** Nothing of the run is handled until it is resumed, also in the processes that come after. False: unknown or over. */
  pause(run: string): Promise<boolean>;
  resume(run: string): Promise<boolean>;
  /** Unfinished runs of this engine's machines that it cannot go on with: they wait for a process of their version. */
  parked(): Promise<readonly ParkedRun[]>;
  /**
   * Takes over unfinished runs whose owner is dead. Without a filter it also goes on looking every 15 seconds until the
   * engine is closed, which does not keep the process alive.
   */
  recover(filter?: { space?: string; run?: string }): Promise<readonly DurableRun<Machine>[]>;
  /**
   * Sends the cancel event. `unhandled`: the machine does nothing with it where it stands; `requested`: the run is
   * another process's, or has not ended within `graceMs`.
   */
  cancel(run: string): Promise<"cancelled" | "requested" | "unhandled" | "over" | "unknown">;
  /**
   * Leaves every live run at once, as it was last committed, and asks the store nothing: for a process that may have been
   * taken for dead. Their actors are stopped; `recover` takes up again what no other process took over meanwhile.
   */
  abandon(): void;
  /**
   * `cancel` (default): cancels live runs and waits for their end; `leave`: leaves them to the next process once all
   * that was sent is handled. Either is over after `graceMs`; what has not ended by then is left. Runs that do nothing
   * with the cancel event are left at once, or waited for as well (`ifUnhandled: "wait"`).
   */
  close(options?: {
    runs?: "cancel" | "leave";
    graceMs?: number;
    ifUnhandled?: "leave" | "wait";
  }): Promise<void>;
}
