/**
 * A run as the durable engine keeps it: generic over machines, all JSON. Times are Unix milliseconds.
 */
export interface RunRecord {
  readonly id: string;
  /** Groups runs (the space of a phase-2 run); empty for machines without one. */
  readonly space: string;
  readonly machine: string;
  readonly version: string;
  /** Structure hash of the machine the snapshot belongs to. */
  readonly hash: string;
  readonly state: "active" | "done" | "error" | "parked";
  /** Number of the last commit; 0 is the creation. */
  readonly sequence: number;
  readonly fence: number;
  readonly owner: string;
  /** Persisted XState snapshot, as JSON text. */
  readonly snapshot: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly cancelRequestedAtMs: number | null;
  /** Since when it is paused: nothing of it is handled until it is resumed. Absent: it is not. */
  readonly pausedAtMs?: number;
  /** Why it was parked; null otherwise. */
  readonly parked: string | null;
}

export type NewRun = Pick<
  RunRecord,
  "id" | "space" | "machine" | "version" | "hash" | "owner" | "createdAtMs"
>;

/** One macrostep of the machine: the event that caused it, the state it led to, what it asks for. */
export interface CommitRequest {
  readonly run: string;
  readonly fence: number;
  /** The sequence this commit gets; the stored one must be one less. */
  readonly sequence: number;
  readonly atMs: number;
  /** JSON texts: stores never look inside. */
  readonly event: string;
  readonly eventType: string;
  /** Dotted state value after the event, e.g. `syncing.rawMemories`. */
  readonly value: string;
  readonly snapshot: string;
  /**
   * What `snapshot` and `intents` say, as the change since the commit before: JSON text of `StatePatch`. A store may keep
   * this beside the event instead of them. Absent where the whole state is to be written.
   */
  readonly patch?: string;
  readonly state: "active" | "done" | "error";
  /** All of the root machine that are open after this commit, oldest first: the others are settled or withdrawn. */
  readonly intents: readonly Intent[];
  /** The actor that the event went to. Absent: the root machine. */
  readonly actor?: string;
  /** What the actors of the run sent to each other in this step, in the order in which it was handled. */
  readonly messages?: readonly RunMessage[];
  /** Child actors that began or changed in this step. */
  readonly actors?: readonly ActorRow[];
  /** Keys of child actors that are over. */
  readonly removed?: readonly string[];
  /** Ids of the signals that this step took in. */
  readonly signals?: readonly number[];
}

/**
 * A store that keeps patches writes the whole state at least every so many steps, so that it never has more of them
 * than these to put together.
 */
export const WHOLE_STATE_EVERY = 16;

/** An event that an actor of a run got from another one, handled in the same step as what caused it. */
export interface RunMessage {
  /** Key of the actor that got it; null for the root machine. */
  readonly actor: string | null;
  readonly type: string;
  /** Dotted state value of a machine after the event; null for other actors. */
  readonly value: string | null;
  /** JSON text. */
  readonly event: string;
}

/** A child actor with a state of its own: a machine, or any logic without effects. Its key is its path from the root. */
export interface ActorRow {
  readonly key: string;
  /** JSON text: what it is and where it stands. */
  readonly snapshot: string;
  /** Its own open intents, oldest first. */
  readonly intents: readonly Intent[];
}

/** An event for a run that any process may leave in the store; the run's owner takes it in. */
export interface Signal {
  readonly id: number;
  readonly run: string;
  /** Makes it once: a second signal of the same run and key is the first one. */
  readonly key: string | null;
  /** JSON text. */
  readonly event: string;
  readonly atMs: number;
  readonly state: "open" | "handled" | "unhandled";
  /** The commit that took it in; null while it is open, and when nothing handled it. */
  readonly sequence: number | null;
}

/** What waits in the store for the runs of one owner. */
export interface Inbox {
  /** Open signals, oldest first. */
  readonly signals: readonly Signal[];
  /** Runs that are paused. */
  readonly paused: readonly string[];
}

/**
 * An effect the machine decided on. `start`: run the actor `src`; `timer`: deliver `event` at `dueAtMs`.
 * `key` is `run/sequence/child`: the idempotency key of the effect.
 */
export interface Intent {
  readonly key: string;
  readonly run: string;
  readonly child: string;
  readonly kind: "start" | "timer";
  readonly src: string;
  /** JSON text. */
  readonly input: string;
  /** When a timer rings, or an actor is tried again; null: at once for an actor, never for a timer. */
  readonly dueAtMs: number | null;
  /** The name it is known by in the whole run. */
  readonly systemId?: string;
  /** Its parent is told of each of its snapshots. */
  readonly syncSnapshot?: boolean;
  /** The actor that a timer's event goes to, where it is another than the one that set it; "" is the root machine. */
  readonly target?: string;
  /** How many messages the actor got so far: they are given to it again when it is started again. */
  readonly messages?: number;
  /** A timer whose name another one took, or that rang before it under its name: `cancel` no longer finds it. */
  readonly isDetached?: boolean;
  /** How often the actor failed and was tried again. */
  readonly failures?: number;
}

/** `fenced`: another process took the run over. `stale`: the sequence is taken by other content. Both end this process's part. */
export type CommitOutcome = "ok" | "fenced" | "stale";

/**
 * What a commit means that could not be applied: the run was taken over, this very commit was made before, or its
 * place is taken (also when the run is over). `logged` is the log row at the request's sequence, if there is one.
 */
export function judgeRepeated(
  run: RunRecord | null,
  logged: (Pick<LogRow, "atMs" | "type" | "value" | "data"> & { readonly patch?: string | null }) | null,
  request: CommitRequest,
): CommitOutcome {
  if (run === null || run.fence !== request.fence) return "fenced";
  const isSameEvent =
    logged !== null &&
    logged.atMs === request.atMs &&
    logged.type === request.eventType &&
    logged.value === request.value &&
    logged.data === request.event;
  // Older snapshots are not kept, but the event at a sequence decides the snapshot after it.
  const isSameSnapshot =
    logged?.patch != null ? logged.patch === request.patch : run.snapshot === request.snapshot;
  const isSameState = run.sequence > request.sequence || (isSameSnapshot && run.state === request.state);
  return isSameEvent && isSameState ? "ok" : "stale";
}

/** Whether these may be the open intents of a run after a commit: its own, none of them twice. */
export function areIntentsOf(run: string, intents: readonly Intent[]): boolean {
  const isOwn = (intent: Intent) => intent.run === run && intent.key.startsWith(`${run}/`);
  return intents.every(isOwn) && new Set(intents.map(({ key }) => key)).size === intents.length;
}

/** Whether every intent that a commit names is its run's own: those of the root machine, and those of its actors. */
export function namesOwnIntents({ run, intents, actors = [] }: CommitRequest): boolean {
  return [intents, ...actors.map((actor) => actor.intents)].every((own) => areIntentsOf(run, own));
}

/** A run that is not over, as one who looks for dead owners needs it. */
export type UnfinishedRun = Pick<RunRecord, "id" | "space" | "owner">;

export interface UnfinishedPage {
  readonly space?: string;
  readonly after?: string;
  readonly limit: number;
}

const UNFINISHED_PER_PAGE = 200;

/** Every active run, oldest first, page by page. */
export async function* everyUnfinished(
  runs: Pick<RunStore, "unfinished">,
  filter: { readonly space?: string } = {},
): AsyncGenerator<UnfinishedRun> {
  for (let after: string | undefined; ; ) {
    const cursor = after === undefined ? {} : { after };
    const page = await runs.unfinished({ ...filter, ...cursor, limit: UNFINISHED_PER_PAGE });
    yield* page;
    after = page.at(-1)?.id;
    if (page.length < UNFINISHED_PER_PAGE) return;
  }
}

export interface RunFilter {
  readonly space?: string;
  readonly state?: RunRecord["state"];
  /** Only runs that are over and whose snapshot's `context.status` is one of these; null stands for none. */
  readonly statuses?: readonly (string | null)[];
  readonly limit: number;
  /** Only runs of these machines. */
  readonly machines?: readonly string[];
  /** Runs older than this id (ids sort by time); for paging, newest first. */
  readonly before?: string;
}

/** How many runs are in this state, and ended with this `context.status` of their snapshot (null while active). */
export interface RunTally {
  readonly state: RunRecord["state"];
  readonly status: string | null;
  readonly count: number;
}

/** A line of the log. `sequence` is null for observations. `id` grows over all runs and is the event number of the API. */
export interface LogRow {
  readonly id: number;
  readonly run: string;
  readonly sequence: number | null;
  readonly atMs: number;
  readonly type: string;
  /** Dotted state value after a machine event; null for observations. */
  readonly value: string | null;
  /** JSON text. */
  readonly data: string;
  /** The actor a machine event went to, by its key. Absent: the root machine, or an observation. */
  readonly actor?: string;
}

/** What the kept state of a run holds in its context: of another version it may lack any of it, damaged it holds nothing. */
export function contextOf({ snapshot }: Pick<RunRecord, "snapshot">): Readonly<Record<string, unknown>> {
  try {
    const context = (JSON.parse(snapshot) as { context?: unknown } | null)?.context;
    return typeof context === "object" && context !== null ? (context as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The status that the context of an ended run holds; of a machine that has none, null. */
export function statusOf(run: Pick<RunRecord, "snapshot">): string | null {
  const { status } = contextOf(run);
  return typeof status === "string" ? status : null;
}

/**
 * The durable engine's log: runs, their events, snapshots and intents. Calls of one store that concern one run take effect
 * in the order in which they were asked, whether or not anyone waited for those before.
 */
export interface RunStore {
  /** Creates the run with its first commit. Repeating it with the same content is ok. */
  create(run: NewRun, first: CommitRequest): Promise<CommitOutcome>;
  /**
   * One transaction: events, snapshot and intents, only if fence and sequence are still those expected.
   * Retrying the same sequence with the same content answers `ok`: that is the answer to an unknown commit.
   */
  commit(request: CommitRequest): Promise<CommitOutcome>;
  read(run: string): Promise<RunRecord | null>;
  list(filter: RunFilter): Promise<readonly RunRecord[]>;
  /** Active runs, oldest first, one page of them: of one space, or of all; `after`: behind the run with this id. */
  unfinished(page: UnfinishedPage): Promise<readonly UnfinishedRun[]>;
  /** Open intents of the root machine, oldest first; those of one commit in its order. */
  openIntents(run: string): Promise<readonly Intent[]>;
  /** The child actors of a run that have a state of their own, with their open intents; in the order they began. */
  actors(run: string): Promise<readonly ActorRow[]>;
  /** The newest `limit` messages that this actor of the run got, oldest first. */
  messages(query: { run: string; actor: string; limit: number }): Promise<readonly LogRow[]>;
  /**
   * Leaves an event for a run. Repeated with the same key it is the first one, whatever the event. Null when the run
   * is unknown, or over and the key was not seen before.
   */
  signal(request: { run: string; key: string | null; event: string; nowMs: number }): Promise<Signal | null>;
  readSignal(id: number): Promise<Signal | null>;
  /** Closes signals that nothing handled. Conditional on the fence. */
  closeSignals(request: { run: string; fence: number; ids: readonly number[] }): Promise<boolean>;
  /** What waits for the unfinished runs of this owner. */
  inbox(owner: string): Promise<Inbox>;
  /**
   * Calls the listener soon (a twentieth of a second) after anyone else wrote to what is stored, whatever it was. Until
   * the signal is raised. It does not keep the process alive.
   */
  watch(listener: () => void, until: AbortSignal): Promise<void>;
  /** Pauses or resumes an unfinished run; false when it is unknown or over. */
  pause(request: { run: string; isPaused: boolean; nowMs: number }): Promise<boolean>;
  /**
   * Raises the fence and sets the owner, if the fence is still `fence` and the run is unfinished. Null = someone else
   * did. Repeated by the same owner it finds itself. With `as`, the run is one of that version from here on.
   * With `isParked`, a parked run becomes unfinished again.
   */
  takeOver(request: {
    run: string;
    fence: number;
    owner: string;
    nowMs: number;
    as?: { version: string; hash: string; snapshot: string };
    isParked?: boolean;
  }): Promise<RunRecord | null>;
  /** Ends a run nobody can interpret. Conditional on the fence. */
  park(request: { run: string; fence: number; reason: string; nowMs: number }): Promise<boolean>;
  /** Idempotent; false when the run is unknown or over. */
  requestCancel(run: string, nowMs: number): Promise<boolean>;
  /** Which of this owner's unfinished runs are asked to cancel. */
  cancelRequests(owner: string): Promise<readonly string[]>;
  /** Adds an observation (never a machine event): beats, agent messages, findings. Not fenced: it decides nothing. Returns its id. */
  note(run: string, note: { atMs: number; type: string; data: unknown }): Promise<number>;
  /**
   * Log rows with an id above `after`, oldest first; of one run, or of all. Nothing that becomes visible later has a lower
   * id than a row that was shown: who reads on after the last row seen misses none. So does `tail`, whose newest row may
   * be where a follower begins. A store that hands out ids before they are visible shows rows only once no lower id can
   * follow.
   */
  log(query: { run?: string; after: number; limit: number }): Promise<readonly LogRow[]>;
  /** The newest log rows with an id below `before` (absent: of all), oldest first; of one run, or of all. */
  tail(query: { run?: string; before?: number; limit: number }): Promise<readonly LogRow[]>;
  /** The machine events of a run up to this sequence, in order: what its snapshots can be folded from again. */
  steps(query: { run: string; to: number }): Promise<readonly LogRow[]>;
  /** Runs counted; of one space, or of all. In no order. */
  tally(filter: { space?: string }): Promise<readonly RunTally[]>;
  /** A purge's right alone: takes the patches of runs that are over away, which nobody reads any more. */
  dropPatches(): Promise<void>;
  /** A purge's right alone: puts other data into log rows, and another snapshot into a run that is over. */
  redact(request: {
    rows: readonly { readonly id: number; readonly data: string }[];
    snapshot: { readonly run: string; readonly snapshot: string } | null;
  }): Promise<void>;
}
