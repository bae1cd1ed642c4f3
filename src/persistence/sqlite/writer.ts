import { nextTick } from "node:process";
import { setImmediate, setTimeout } from "node:timers";
import type { Database } from "better-sqlite3";
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
  /** The same for work that writes by one statement, its last one, which undoes itself where it fails. */
  writeOne<T>(work: () => T): Promise<T>;
  /** Sees committed state only: it never runs between a begin and its commit. */
  read<T>(work: () => T): Promise<T>;
  /** Finishes what was asked for; everything later is refused with `store_closed`. */
  close(): Promise<void>;
}

/** What goes into one commit, in ordinary writes: a few milliseconds, so that timers stay on time. */
export const GROUP_LIMIT = 256;

/**
 * After so many commits of a single write nobody is waited for any more: the next comes as soon as all promises that
 * the last one settled have had their say. Every so many it still waits for the turn to end, where others would speak.
 */
const LONELY_COMMITS = 16;

/** How often work is repeated of which nobody knows whether it was committed. */
const UNKNOWN_LIMIT = 3;

interface Member {
  readonly work: Work;
  readonly isOneStatement: boolean;
  readonly weight: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  waitedMs: number;
  timesUndone: number;
}

export function groupWriter(db: Database, options: { path: string; patienceMs: number }): Writer {
  const { path, patienceMs } = options;
  const commitAll = groupCommit(db);
  let queue: Member[] = [];
  let isScheduled = false;
  let lonely = 0;
  let busyTries = 0;
  let onDrained: (() => void) | null = null;
  let closed: Promise<void> | null = null;

  function flush(): void {
    isScheduled = false;
    const group = takeGroup();
    lonely = group.length === 1 ? lonely + 1 : 0;
    const verdicts = commitAll(group);
    const again = group.filter((member, at) => !isSettled(member, verdicts[at] as Verdict));
    if (again.length > 0) queue = [...again, ...queue];
    const busy = verdicts.find((verdict) => verdict.kind === "busy");
    if (busy) waitOut(busy.error);
    else busyTries = 0;
    schedule();
  }

  function schedule(): void {
    if (queue.length === 0) onDrained?.();
    if (isScheduled || queue.length === 0) return;
    isScheduled = true;
    if (lonely < LONELY_COMMITS || lonely % LONELY_COMMITS === 0) setImmediate(flush);
    else nextTick(flush);
  }

  function takeGroup(): readonly Member[] {
    let weight = 0;
    const end = queue.findIndex((member, at) => {
      weight += member.weight;
      const mustBeAlone = member.timesUndone > 0 || (queue[0]?.timesUndone ?? 0) > 0;
      return at > 0 && (mustBeAlone || weight > GROUP_LIMIT);
    });
    return queue.splice(0, end === -1 ? queue.length : end);
  }

  function isSettled(member: Member, verdict: Verdict): boolean {
    if (verdict.kind === "done") {
      member.resolve(verdict.value);
      return true;
    }
    if (verdict.kind === "undone") member.timesUndone += 1;
    const isOver = verdict.kind === "refused" || member.timesUndone > UNKNOWN_LIMIT;
    if (isOver) member.reject(translated(verdict.error, path));
    return isOver;
  }

  /** Waits are counted rather than clocked: no clock is read below the engine. */
  function waitOut(error: unknown): void {
    const delay = backoffMs(busyTries);
    busyTries += 1;
    queue = queue.filter((member) => {
      member.waitedMs += delay + DRIVER_PATIENCE_MS;
      const isOver = member.waitedMs > patienceMs;
      if (isOver) member.reject(storeError("store_busy", path, error));
      return !isOver;
    });
    if (queue.length === 0) return;
    isScheduled = true;
    setTimeout(flush, delay);
  }

  function enqueue<T>(work: () => T, weight: number, isOneStatement: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (closed !== null) throw storeError("store_closed", path);
      const callbacks = { resolve: resolve as (value: unknown) => void, reject };
      queue.push({ work, weight, isOneStatement, ...callbacks, waitedMs: 0, timesUndone: 0 });
      schedule();
    });
  }

  return {
    write: (work, weight = 1) => enqueue(work, weight, false),
    writeOne: (work) => enqueue(work, 1, true),
    read: (work) =>
      patiently(() => {
        if (closed !== null) throw storeError("store_closed", path);
        return work();
      }, options),
    close: () => {
      closed ??= new Promise<void>((resolve) => {
        onDrained = resolve;
        schedule();
      });
      return closed;
    },
  };
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
