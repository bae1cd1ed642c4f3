import type { Database } from "better-sqlite3";
import { isBusy } from "./failures.ts";

/** Synchronous, and may run more than once: it must find its own trace. */
export type Work = () => unknown;

/**
 * What became of one member of a group.
 * `refused`: its own work failed and is rolled back, the neighbours' is not. `busy`: nothing happened, try later.
 * `undone`: the transaction failed as a whole, or nobody knows; repeated alone, the guilty one is found.
 */
export type Verdict =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "busy"; readonly error: unknown }
  | { readonly kind: "undone"; readonly error: unknown };

/**
 * One transaction for many members, and so one fsync:
 *
 *   begin immediate · savepoint, work, release · savepoint, work, release · … · commit
 *
 * A member by itself gets a plain transaction. Returns one verdict for each, in order; no transaction is left open.
 */
export function groupCommit(db: Database): (works: readonly Work[]) => readonly Verdict[] {
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const rollback = db.prepare("rollback");
  const save = db.prepare("savepoint member");
  const release = db.prepare("release member");
  const undo = db.prepare("rollback to member");

  return (works) => {
    try {
      begin.run();
    } catch (error) {
      return works.map(() => failure(error));
    }
    const [only] = works;
    return works.length === 1 && only ? [commitOne(only)] : commitMany(works);
  };

  function commitOne(work: Work): Verdict {
    const verdict = attempt(work);
    if (verdict.kind === "done") return uncommitted() ?? verdict;
    if (db.inTransaction) rollback.run();
    return verdict;
  }

  function commitMany(works: readonly Work[]): readonly Verdict[] {
    const verdicts = runTogether(works);
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

  function runTogether(works: readonly Work[]): readonly Verdict[] {
    const verdicts: Verdict[] = [];
    for (const work of works) {
      save.run();
      const verdict = attempt(work);
      if (!db.inTransaction) {
        // SQLite gave the whole transaction up (disk full, I/O error): no member's work is there any more.
        const { error } = verdict as { error: unknown };
        return works.map((_, at) => (at === verdicts.length ? verdict : { kind: "undone", error }));
      }
      if (verdict.kind !== "done") undo.run();
      release.run();
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
