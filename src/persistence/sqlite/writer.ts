import { nextTick } from "node:process";
import { setImmediate, setTimeout } from "node:timers";
import type { Database } from "better-sqlite3";
import type { CommitOutcome, CommitRequest, NewRun } from "../../domain/run.ts";
import { storeError } from "../errors.ts";
import { backoffMs, DRIVER_PATIENCE_MS, isBusy, patiently, translated } from "./patience.ts";

/**
 * The one way to the database, shared by all ports: what they ask for in one turn of the event loop is one commit,
 * or in one round of promises while there is but one writer.
 * Work that throws is rolled back alone. When the database is busy all wait, without blocking, and try again.
 */
export interface Writer {
  /**
   * Resolves once the result is on disk. `work` is synchronous and idempotent.
   * `weight`: how many ordinary small writes it amounts to.
   */
  write<T>(work: () => T, weight?: number): Promise<T>;
  /**
   * The same for a step of a run, of which there are very many: `onDisk` hears the result before the promise does.
   * `isOneStatement`: it writes by its last statement alone, which undoes itself where it fails. `row`: the same step
   * for the writing thread, where there is one; null where it must be done here.
   */
  writeStep(
    work: () => CommitOutcome,
    isOneStatement: boolean,
    onDisk: (result: CommitOutcome) => void,
    row: (() => StepRow) | null,
  ): Promise<CommitOutcome>;
  /** Steps may be done by a thread. */
  readonly hasThread: boolean;
  /** Sees committed state only: it never runs between a begin and its commit. */
  read<T>(work: () => T): Promise<T>;
  /** Finishes what was asked for; everything later is refused with `store_closed`. */
  close(): Promise<void>;
}

/** A step of a run on its way to the writing thread: as few and as plain values as it takes. */
export type StepRow =
  | readonly [
      run: string,
      fence: number,
      sequence: number,
      atMs: number,
      event: string,
      eventType: string,
      value: string,
      patch: string,
      actor: string | null,
    ]
  | readonly [run: NewRun | null, request: CommitRequest];

/**
 * A thread with a connection of its own that commits steps of runs. It is a help, not a second truth: a step of which
 * it has no outcome (refused, busy, or the thread is gone) is taken again by the connection that sent it, which finds
 * it in the log if it was committed after all.
 */
export interface StepThread {
  /** One outcome for each row, once it is on disk; null where the sender has to do it itself. */
  commit(rows: readonly StepRow[]): Promise<readonly (CommitOutcome | null)[]>;
  close(): Promise<void>;
}

/** What goes into one commit, in ordinary writes: a few milliseconds, so that timers stay on time. */
export const GROUP_LIMIT = 256;

/**
 * After so many commits of a single write nobody is waited for any more: the next comes as soon as all promises that
 * the last one settled have had their say. Every so many it still waits for the turn to end, where others would speak.
 */
const LONELY_COMMITS = 16;

/** So many steps at once are worth a thread of their own: fewer are committed sooner than they are sent. */
const COMPANY = 8;

/** How often work is repeated of which nobody knows whether it was committed. */
const UNKNOWN_LIMIT = 3;

interface Member {
  readonly work: Work;
  readonly isOneStatement: boolean;
  readonly weight: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onDisk: ((value: unknown) => void) | null;
  /** Null where it cannot be done by the thread, or the thread gave it back. */
  row: (() => StepRow) | null;
  waitedMs: number;
  timesUndone: number;
}

interface WriterOptions {
  readonly path: string;
  readonly patienceMs: number;
  readonly thread?: StepThread | null;
}

export function groupWriter(db: Database, options: WriterOptions): Writer {
  const group = new GroupWriter(db, options);
  return {
    hasThread: (options.thread ?? null) !== null,
    write: (work, weight = 1) =>
      group.enqueue({ work, weight, isOneStatement: false, onDisk: null, row: null }),
    writeStep: (work, isOneStatement, onDisk, row) => {
      const listener = onDisk as Member["onDisk"];
      return group.enqueue({ work, weight: 1, isOneStatement, onDisk: listener, row });
    },
    read: (work) =>
      patiently(() => {
        group.demandOpen();
        return work();
      }, options),
    close: () => group.close(),
  };
}

/** What waits to be written, and where it stands. */
class GroupWriter {
  readonly #options: WriterOptions;
  readonly #thread: StepThread | null;
  readonly #commitAll: (members: readonly GroupMember[]) => readonly Verdict[];
  readonly #flush = (): void => this.#write();
  #queue: Member[] = [];
  #isScheduled = false;
  #lonely = 0;
  #busyTries = 0;
  /** Groups that the thread has and has not answered. It writes, so nothing is written here. */
  #inFlight = 0;
  #onDrained: (() => void) | null = null;
  #closed: Promise<void> | null = null;

  constructor(db: Database, options: WriterOptions) {
    this.#options = options;
    this.#thread = options.thread ?? null;
    this.#commitAll = groupCommit(db);
  }

  enqueue<T>(member: Pick<Member, "work" | "weight" | "isOneStatement" | "onDisk" | "row">): Promise<T> {
    return new Promise<T>((settle, reject) => {
      this.demandOpen();
      const { work, weight, isOneStatement, onDisk, row } = member;
      const resolve = settle as (value: unknown) => void;
      const fresh = { waitedMs: 0, timesUndone: 0 };
      this.#queue.push({ work, weight, isOneStatement, onDisk, row, resolve, reject, ...fresh });
      this.#schedule();
    });
  }

  demandOpen(): void {
    if (this.#closed !== null) throw storeError("store_closed", this.#options.path);
  }

  close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#onDrained = resolve;
      this.#schedule();
    });
    return this.#closed;
  }

  #schedule(): void {
    if (this.#queue.length === 0 && this.#inFlight === 0) this.#onDrained?.();
    if (this.#isScheduled || this.#queue.length === 0) return;
    this.#isScheduled = true;
    const isLonely = this.#lonely >= LONELY_COMMITS && this.#lonely % LONELY_COMMITS !== 0;
    if (isLonely) nextTick(this.#flush);
    else setImmediate(this.#flush);
  }

  #write(): void {
    this.#isScheduled = false;
    if (this.#thread !== null && fitsThread(this.#queue)) {
      this.#send(this.#thread, takeGroup(this.#queue));
      this.#schedule();
    } else if (this.#inFlight === 0) this.#writeHere();
    // Else it goes on when the thread has answered.
  }

  #writeHere(): void {
    const group = takeGroup(this.#queue);
    this.#lonely = group.length === 1 ? this.#lonely + 1 : 0;
    const verdicts = this.#commitAll(group);
    const again = group.filter((member, at) => !this.#isSettled(member, verdicts[at] as Verdict));
    if (again.length > 0) this.#queue = [...again, ...this.#queue];
    const busy = verdicts.find((verdict) => verdict.kind === "busy");
    if (busy) this.#waitOut(busy.error);
    else this.#busyTries = 0;
    this.#schedule();
  }

  /** What the thread has no outcome of is done here: it finds its own trace, if it was committed after all. */
  #send(thread: StepThread, group: readonly Member[]): void {
    this.#inFlight += 1;
    void outcomesOf(thread, group).then((outcomes) => {
      this.#inFlight -= 1;
      const again = group.filter((member, at) => {
        const value = outcomes[at] ?? null;
        member.row = null;
        return value === null || !this.#isSettled(member, { kind: "done", value });
      });
      if (again.length > 0) this.#queue = [...again, ...this.#queue];
      this.#schedule();
    });
  }

  #isSettled(member: Member, verdict: Verdict): boolean {
    if (verdict.kind === "done") {
      member.onDisk?.(verdict.value);
      member.resolve(verdict.value);
      return true;
    }
    if (verdict.kind === "undone") member.timesUndone += 1;
    const isOver = verdict.kind === "refused" || member.timesUndone > UNKNOWN_LIMIT;
    if (isOver) member.reject(translated(verdict.error, this.#options.path));
    return isOver;
  }

  #waitOut(error: unknown): void {
    const { patienceMs, path } = this.#options;
    const delay = backoffMs(this.#busyTries);
    this.#busyTries += 1;
    const giveUp = (member: Member) => member.reject(storeError("store_busy", path, error));
    this.#queue = leftAfter(this.#queue, delay, patienceMs, giveUp);
    if (this.#queue.length === 0) return;
    this.#isScheduled = true;
    setTimeout(this.#flush, delay);
  }
}

/** Empty where the thread could not even be asked. */
async function outcomesOf(
  thread: StepThread,
  group: readonly Member[],
): Promise<readonly (CommitOutcome | null)[]> {
  try {
    return await thread.commit(group.map(({ row }) => (row as () => StepRow)()));
  } catch {
    return [];
  }
}

/** Those whose patience lasts for one more wait. Waits are counted rather than clocked: no clock is read below the engine. */
function leftAfter(
  queue: readonly Member[],
  delay: number,
  patienceMs: number,
  giveUp: (member: Member) => void,
): Member[] {
  return queue.filter((member) => {
    member.waitedMs += delay + DRIVER_PATIENCE_MS;
    const isOver = member.waitedMs > patienceMs;
    if (isOver) giveUp(member);
    return !isOver;
  });
}

/** Whether all that waits may be done by the thread, and is worth it. */
function fitsThread(queue: readonly Member[]): boolean {
  return queue.length >= COMPANY && queue.every(({ row }) => row !== null);
}

/** Takes out of the queue what goes into the next commit: work whose fate was unknown goes alone. */
function takeGroup(queue: Member[]): readonly Member[] {
  let weight = 0;
  const end = queue.findIndex((member, at) => {
    weight += member.weight;
    const mustBeAlone = member.timesUndone > 0 || (queue[0]?.timesUndone ?? 0) > 0;
    return at > 0 && (mustBeAlone || weight > GROUP_LIMIT);
  });
  return queue.splice(0, end === -1 ? queue.length : end);
}

/** Synchronous, and may run more than once: it must find its own trace. */
type Work = () => unknown;

type GroupMember = Pick<Member, "work" | "isOneStatement">;

/**
 * What became of one member of a group.
 * `refused`: its own work failed and is rolled back, the neighbours' is not. `busy`: nothing happened, try later.
 * `undone`: the transaction failed as a whole, or nobody knows; repeated alone, the guilty one is found.
 */
type Verdict =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "busy"; readonly error: unknown }
  | { readonly kind: "undone"; readonly error: unknown };

/**
 * One transaction for many members, and so one fsync:
 *
 *   begin immediate · savepoint, work, release · savepoint, work, release · … · commit
 *
 * A member by itself gets a plain transaction, and one of a single statement needs no savepoint. Returns one verdict for each, in order; no transaction is left open.
 */
function groupCommit(db: Database): (members: readonly GroupMember[]) => readonly Verdict[] {
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const rollback = db.prepare("rollback");
  const save = db.prepare("savepoint member");
  const release = db.prepare("release member");
  const undo = db.prepare("rollback to member");

  return (members) => {
    try {
      begin.run();
    } catch (error) {
      return members.map(() => failure(error));
    }
    const [only] = members;
    return members.length === 1 && only ? [commitOne(only.work)] : commitMany(members);
  };

  function commitOne(work: Work): Verdict {
    const verdict = attempt(work);
    if (verdict.kind === "done") return uncommitted() ?? verdict;
    if (db.inTransaction) rollback.run();
    return verdict;
  }

  function commitMany(members: readonly GroupMember[]): readonly Verdict[] {
    const verdicts = runTogether(members);
    if (!db.inTransaction) return verdicts;
    if (!verdicts.some(({ kind }) => kind === "done")) {
      rollback.run();
      return verdicts;
    }
    const failed = uncommitted();
    return failed === null
      ? verdicts
      : verdicts.map((verdict) => (verdict.kind === "done" ? failed : verdict));
  }

  /** Null when the commit succeeded. */
  function uncommitted(): Verdict | null {
    try {
      commit.run();
      return null;
    } catch (error) {
      if (db.inTransaction) rollback.run();
      return { kind: isBusy(error) ? "busy" : "undone", error };
    }
  }

  function runTogether(members: readonly GroupMember[]): readonly Verdict[] {
    const verdicts: Verdict[] = [];
    for (const { work, isOneStatement } of members) {
      if (!isOneStatement) save.run();
      const verdict = attempt(work);
      if (!db.inTransaction) {
        // SQLite gave the whole transaction up (disk full, I/O error): no member's work is there any more.
        const { error } = verdict as { error: unknown };
        return members.map((_, at) => (at === verdicts.length ? verdict : { kind: "undone", error }));
      }
      if (!isOneStatement) {
        if (verdict.kind !== "done") undo.run();
        release.run();
      }
      verdicts.push(verdict);
    }
    return verdicts;
  }
}

function attempt(work: Work): Verdict {
  try {
    return { kind: "done", value: work() };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): Verdict {
  return { kind: isBusy(error) ? "busy" : "refused", error };
}
