import type { Observable } from "rxjs";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock, Ids } from "../domain/clock.ts";
import type { RunEvent, RunResult } from "../domain/event.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import type { Settings } from "../domain/settings.ts";
import type { Files } from "../files/folder.ts";
import type { RunRegistry } from "./events.ts";

export interface EngineOptions extends Partial<Settings> {
  readonly store: Store | LocalStore;
  readonly agent: AgentRunner;
  /** State folder: staging, rejected work. Absolute, or relative to the working directory. */
  readonly home: string;
  /** Where readers find a space's memory; default `<home>/memories` and `<home>/spaces/<key>/memories`.
   * Null: no folder is written or read; the memory is in the store, and a person's edits come in by a checkout alone. */
  readonly memoryRoot?: ((space: string) => string) | null;
  /**
   * How many runs this process works on at once, begun and taken over together; each has an agent of its own. A start
   * beyond waits for its turn, a takeover for a free place. Default: null, no limit.
   */
  readonly maxLiveRuns?: number | null;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** File operations; replaced in tests. */
  readonly files?: Files;
}

export interface StartRequest extends Partial<Settings> {
  /** Default `global`. */
  readonly space?: string;
  /** `run --now`: ignores backoff, exhaustion and cooldown; never a live lease. */
  readonly now?: boolean;
  /** Does everything but publish: the result has the hash for `apply`, and the job ends as it was. */
  readonly dryRun?: boolean;
  /** False: rejects with `no_place` when this process works on as many runs as it may, instead of waiting for its turn. */
  readonly waitForPlace?: boolean;
}

/** One trip through the machine, from this process's point of view. */
export interface Run {
  readonly id: string;
  readonly space: string;
  /** An earlier process began it and died; this one finishes it. */
  readonly adopted: boolean;
  /** Every event from now on, then completes. Never errors. */
  readonly events$: Observable<RunEvent>;
  /** Never rejects for a failed run; rejects with `engine_closed` or `store_*` when this process has to leave it unfinished. */
  readonly result: Promise<RunResult>;
}

export interface Engine {
  /** This process's owner id; new with every start. */
  readonly owner: string;
  /** Live registry (an `@xstate/store` store): the runs of this process, their state and progress. */
  readonly runs: RunRegistry;
  readonly events$: Observable<RunEvent>;
  /**
   * One consolidation now. If an unfinished run of the space is found whose owner is dead, that one is
   * adopted and finished instead (`adopted: true`). Rejects with a `root_*` code before anything is touched
   * when the memory root is not ours to write.
   */
  start(request?: StartRequest): Promise<Run>;
  /**
   * For schedules: a run only if a claim of the space would be given now. Null leaves no trace: nothing is due, or another
   * process begins it at this moment.
   */
  startIfDue(request?: StartRequest): Promise<Run | null>;
  /**
   * Takes over every unfinished run whose owner is dead; they go on in the background. Goes on looking until closed.
   * Spaces that a killed `apply` or `purge` still had are free again. `maxLiveRuns`: the limit of this process from now
   * on (see `EngineOptions`); runs for which there is no place now are taken over when one is free.
   */
  recover(options?: {
    readonly maxLiveRuns?: number | null;
    /** Only the runs: nothing else that dead processes left is looked for. */
    readonly runsOnly?: boolean;
  }): Promise<readonly Run[]>;
  /** From any process; `requested` when a living owner elsewhere will see it within 2 seconds. */
  cancel(run: string): Promise<"cancelled" | "requested" | "over" | "unknown">;
  /** The runs that this process works on now, begun here or taken over. */
  live(): readonly Run[];
  /**
   * Leaves every live run as it was last committed and ends its agent, without asking the store: for a process that was
   * cut off from it for so long that others may take its runs over. Resolves when the agents are gone. Their results
   * reject with `run_abandoned`; `recover` takes up again what nobody took over. `graceMs`: an agent is given no longer than
   * that at each step of its end before it is killed; absent, what it is given always.
   */
  abandon(how?: { readonly graceMs?: number }): Promise<void>;
  /** The result of a finished run, of this or an earlier process. Null when unknown or unfinished. */
  result(run: string): Promise<RunResult | null>;
  /** Cancels the live runs, waits for their end and frees the owner lock. */
  close(): Promise<void>;
}
