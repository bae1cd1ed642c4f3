/**
 * What the domain needs from the world. The suites in `test/contract/` define each port; the stores give
 * the same answers on them. All asynchronous, since a network store may be behind them.
 *
 * Everything is told what time it is (`nowMs`, Unix milliseconds); nothing here reads a clock.
 * A store that stays busy longer than its patience rejects with code `store_busy`.
 */
import type { Draft, Generation, HandEdits, Journal, Manifest } from "./generation.ts";
import type { ClaimOutcome, ClaimRequest, JobRow, Lease, Settled } from "./job.ts";
import type { SetAside, Stage1Input, Stage1Output, UpsertOutcome } from "./memory.ts";
import type {
  ActorRow,
  CommitOutcome,
  CommitRequest,
  Inbox,
  Intent,
  LogRow,
  NewRun,
  RunFilter,
  RunRecord,
  RunTally,
  Signal,
  UnfinishedRun,
} from "./run.ts";

/** Everything that is kept, behind one door. */
export interface Store {
  readonly jobs: JobStore;
  readonly memories: MemoryStore;
  readonly runs: RunStore;
  readonly generations: GenerationStore;
  readonly owners: Owners;
  /**
   * Takes away what is past its time in one space, one slice at a call: a few milliseconds. Runs that are over, with their
   * log, what they consolidated, and settlements; then the room they took is given back to the file system. Never an
   * unfinished or parked run, nor what one of them or a kept draft needs.
   */
  retire(request: RetentionRequest): Promise<RetentionSlice>;
  /**
   * Leaves nothing of what was deleted in the files: rewrites them whole, and empties the write-ahead log. Rejects with
   * `store_busy` when other processes read for too long.
   */
  compact(): Promise<void>;
  close(): Promise<void>;
}

export interface RetentionRequest {
  readonly space: string;
  /**
   * A run goes when it is neither among so many newest of its space nor was changed within so many days; a failed one when
   * that is true of twice as many. What a run consolidated goes when it is not among the newest.
   */
  readonly keepRuns: number;
  readonly keepRunDays: number;
  readonly nowMs: number;
}

export interface RetentionSlice {
  /** Rows that went. */
  readonly removed: number;
  /** False: another call finds more to do. */
  readonly isDone: boolean;
}

/**
 * Where the one job of each space lives (original, section 2, point S).
 *
 * Every write names the token and fence it acts under, and can be repeated: the second call finds its own
 * trace. `lost` means the lease is no longer the caller's, and the caller must stop.
 */
export interface JobStore {
  /**
   * One immediate transaction, tests in the order of `refusal`. A repeated claim under the same token finds
   * its own running row, renews it and is `claimed` again; by another worker it raises the fence.
   */
  claim(request: ClaimRequest): Promise<ClaimOutcome>;
  /** Extends all these leases to `now + leaseSeconds`; names the spaces that were no longer the caller's. */
  renew(
    leases: readonly Lease[],
    times: { leaseSeconds: number; nowMs: number },
  ): Promise<{ readonly lost: readonly string[] }>;
  succeed(settlement: { lease: Lease; watermark: number; nowMs: number }): Promise<Settled>;
  /** Strict: the token must match. */
  fail(settlement: JobFailure): Promise<Settled>;
  /** The original's fallback: also when no token is on the running row. Used only after `fail` said `lost`. */
  failUnowned(settlement: JobFailure): Promise<Settled>;
  /**
   * Cancelled: back to `pending`; lease, retry time and worker cleared, `last_error` = reason; watermarks,
   * `retry_remaining` and the token stay. With `restore`, the row becomes exactly that one (a dry run's end), but
   * for the fence, which never goes back, and for what was enqueued meanwhile, which is enqueued again.
   */
  release(settlement: { lease: Lease; reason: string; nowMs: number; restore?: JobRow }): Promise<Settled>;
  /**
   * The run's new process: raises the fence of the row this token owns, sets the worker, renews; repeated by the
   * same worker it only renews. Null = the token owns nothing, or no longer: what the run settled before is still
   * found by `succeed`, `fail` and `release`, which look for their own trace by the token, under any fence.
   */
  takeOver(request: {
    space: string;
    token: string;
    worker: string;
    leaseSeconds: number;
    nowMs: number;
  }): Promise<Lease | null>;
  /** Makes the space dirty by the original's upsert (section 2.1). */
  enqueue(space: string, watermark: number): Promise<void>;
  read(space: string): Promise<JobRow | null>;
  /** The row as it was before the claim with this token, if that is the space's last claim that asked to remember it. */
  rowBeforeClaim(space: string, token: string): Promise<JobRow | null>;
  list(): Promise<readonly JobRow[]>;
}

export interface JobFailure {
  readonly lease: Lease;
  /** The short constant kept in `last_error`. */
  readonly reason: string;
  readonly retryDelaySeconds: number;
  readonly nowMs: number;
}

export interface MemoryStore {
  /**
   * All or nothing, with one enqueue by the largest `sourceUpdatedAt` among inserted and updated rows; none if
   * nothing changed. Each record is checked, normalised and freed of secrets as an import does it; one that is wrong
   * rejects with its `RecordCode` and a sentence that names record and field. `changeOf` decides what replaces a row.
   */
  upsert(space: string, records: readonly Stage1Input[]): Promise<UpsertOutcome>;
  /**
   * Says that nothing of the thread is worth keeping any more: its row becomes blank and one second newer (so that an
   * import of the same records does not bring it back), and the space dirty. `unchanged`: there is nothing to withdraw.
   */
  withdraw(space: string, threadId: string): Promise<"withdrawn" | "unchanged">;
  /**
   * The newest `limit` outputs that are not blank, in `latestFirst` order, in one statement. Rows that another program
   * wrote are held to the rules of `upsert` first; what these normalise or redact is written back.
   */
  select(space: string, limit: number): Promise<readonly Stage1Output[]>;
  /** How many `select` could give. With `newerThan` (Unix seconds): those after it. */
  count(space: string, newerThan?: number): Promise<number>;
  /** Rows that `select` leaves out because they break the rules of `upsert`, or because their thread was purged. */
  setAside(space: string): Promise<readonly SetAside[]>;
  /** Deletes the rows that `setAside` names; the number of rows. */
  removeSetAside(space: string): Promise<number>;
  /** Every space that has rows. */
  spaces(): Promise<readonly string[]>;
  /**
   * Refuses the thread's records for good, in one space or (null) in all. Only a keyed hash of the id is kept.
   * Repeating it changes nothing.
   */
  refuse(threadId: string, space: string | null): Promise<void>;
  /** Lifts what `refuse` and `forget` put on the thread in this space, and on all spaces. False: there was nothing to lift. */
  remember(threadId: string, space: string): Promise<boolean>;
  /** How many threads are refused in this space; those refused in all spaces count too. Ids can't be listed: only hashes are kept. */
  refused(space: string): Promise<number>;
  /** Keeps what a run consolidates, in this order, so that a replay sees the same input. Repeating it changes nothing. */
  recordInputs(run: string, outputs: readonly Stage1Output[]): Promise<void>;
  inputsOf(run: string): Promise<readonly Stage1Output[]>;
  /** Every version of a thread that is kept for the space: the row, and what its runs recorded. Newest first. */
  versionsOf(space: string, threadId: string): Promise<readonly Stage1Output[]>;
  /** Every space that keeps anything of the thread. */
  spacesOf(threadId: string): Promise<readonly string[]>;
  /**
   * Removes the thread's row, its recorded inputs and every text that only these named, and refuses its records in this
   * space from now on, in one transaction that is conditional on the lease.
   */
  forget(threadId: string, lease: Lease): Promise<"applied" | "lost">;
}

/** The durable engine's log: runs, their events, snapshots and intents. */
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
  /** Every active run, oldest first, however many: of one space, or of all. */
  unfinished(filter: { space?: string }): Promise<readonly UnfinishedRun[]>;
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
  /** Log rows with an id above `after`, oldest first; of one run, or of all. */
  log(query: { run?: string; after: number; limit: number }): Promise<readonly LogRow[]>;
  /** The newest log rows with an id below `before` (absent: of all), oldest first; of one run, or of all. */
  tail(query: { run?: string; before?: number; limit: number }): Promise<readonly LogRow[]>;
  /** The machine events of a run up to this sequence, in order: what its snapshots can be folded from again. */
  steps(query: { run: string; to: number }): Promise<readonly LogRow[]>;
  /** Runs counted; of one space, or of all. In no order. */
  tally(filter: { space?: string }): Promise<readonly RunTally[]>;
  /** A purge's right alone: puts other data into log rows, and another snapshot into a run that is over. */
  redact(request: {
    rows: readonly { readonly id: number; readonly data: string }[];
    snapshot: { readonly run: string; readonly snapshot: string } | null;
  }): Promise<void>;
}

export interface GenerationStore {
  /** The generation of the space that is in effect: the one committed last. */
  current(space: string): Promise<{ generation: Generation; manifest: Manifest } | null>;
  manifest(generation: string): Promise<Manifest | null>;
  read(generation: string): Promise<Generation | null>;
  /** Newest first. */
  list(space: string, limit: number): Promise<readonly Generation[]>;
  blob(hash: string): Promise<Uint8Array | null>;
  /** Which of these hashes are not stored yet. */
  missing(hashes: readonly string[]): Promise<readonly string[]>;
  /**
   * One transaction, conditional on the lease (null: on no running row for the space): new blobs, the
   * generation with its manifest and, unless null, an open journal. The point of no return of a publish.
   * Repeated with the same generation id: `already`.
   */
  commit(request: {
    lease: Lease | null;
    generation: Generation;
    manifest: Manifest;
    blobs: ReadonlyMap<string, Uint8Array>;
    journal: Journal | null;
    nowMs: number;
  }): Promise<Settled>;
  /** The oldest journal of the space that still has to be rolled forward. */
  openJournal(space: string): Promise<Journal | null>;
  closeJournal(generation: string): Promise<void>;
  /**
   * Takes generations away whose time is over; never the one in effect, nor one with an open journal. Their blobs
   * stay until `collect` finds that nothing names them.
   */
  remove(space: string, generations: readonly string[]): Promise<void>;
  /**
   * Removes up to `limit` blobs that nothing has named for `graceMs`; returns how many. The grace covers writers
   * that have stored a blob, or seen it there, and have not named it yet. With `hashes`: these alone, without grace.
   */
  collect(request: {
    nowMs: number;
    graceMs: number;
    limit: number;
    hashes?: readonly string[];
  }): Promise<number>;
  /** Blobs that nothing names, in the order of their hashes, above `after`. */
  orphans(query: { after: string; limit: number }): Promise<readonly string[]>;
  /**
   * A purge's right alone: gives a generation other files, or none and a date (`null`: withdrawn), and removes the blobs that
   * only its old files named, in one transaction that is conditional on the lease. `handEdits`: absent, they stay.
   */
  rewrite(request: {
    lease: Lease;
    generation: string;
    manifest: Manifest | null;
    handEdits?: HandEdits;
    blobs: ReadonlyMap<string, Uint8Array>;
    nowMs: number;
  }): Promise<"applied" | "lost">;
  /** Conditional on the lease; repeated with the same hash it replaces the draft's row. */
  keepDraft(request: {
    lease: Lease;
    draft: Draft;
    manifest: Manifest;
    blobs: ReadonlyMap<string, Uint8Array>;
  }): Promise<"applied" | "lost">;
  draft(space: string, hash: string): Promise<{ draft: Draft; manifest: Manifest } | null>;
  /** Newest first. */
  drafts(space: string): Promise<readonly Draft[]>;
  removeDrafts(space: string, hashes: readonly string[]): Promise<void>;
}

/**
 * Which processes live. A registered owner holds an operating-system lock for its whole life: lock free = dead;
 * held = alive, stopped included; anything unclear = unknown, so that the lease decides.
 */
export interface Owners {
  /** `unregister` frees the lock; a killed process frees it by dying. Ids are never used again: a dead one is forgotten. */
  register(owner: string): Promise<{ unregister(): Promise<void> }>;
  probe(owner: string): Promise<"alive" | "dead" | "unknown">;
  /** An exclusive lock by name, held until released or death; null when another holds it. Used for memory roots. */
  lock(name: string): Promise<{ unlock(): Promise<void> } | null>;
}

/** Current time. The only clock below is a parameter; this is where it comes from. */
export interface Clock {
  /** Unix milliseconds; may jump. */
  nowMs(): number;
  /** Milliseconds that never go back; for limits and margins. */
  monotonicMs(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface Ids {
  /** Sortable by time. */
  run(): string;
  /** UUIDv4 in the original's spelling. */
  token(): string;
  generation(): string;
}
