import type { Database } from "better-sqlite3";
import { STAGE1_KIND } from "../../domain/job.ts";
import type { RetentionRequest, RetentionSlice } from "../../domain/ports.ts";
import { RUN_STATUS } from "./run-queries.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

/** How many rows one slice removes: a few milliseconds of writing. */
const ROWS = 500;

/** A run with more rows than these keeps the space of its patches, which would take too long to give back at once. */
const REWRITTEN_ROWS = 2_000;

/** Free pages that stay in the file, since the next runs need them; all others are given back, so many at once. */
const SPARE_PAGES = 256;
const PAGES = 200;

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Takes away what is past its time, a slice at a call: a few milliseconds, after which others get their turn. Every slice
 * begins with the oldest, so that one which is broken off leaves nothing that a later one would not find.
 */
export function sqliteRetention(
  db: Database,
  { write }: Writer,
): (request: RetentionRequest) => Promise<RetentionSlice> {
  const nthNewest = db
    .prepare<[string, number], string>(
      "select id from runs where space = ? order by id desc limit 1 offset ?",
    )
    .pluck();
  // The newest row of the log stays whoever's it is: its id must not be given again.
  const victim = db
    .prepare<object, string>(
      `select id from runs where space = @space and id < @past and state in ('done', 'error')
         and updated_at < @untilMs
         and (ifnull(${RUN_STATUS}, 'failed') not like 'failed%' or (id < @longPast and updated_at < @longUntilMs))
         and not exists (select 1 from events where id = (select max(id) from events) and run = runs.id)
       order by id limit 1`,
    )
    .pluck();
  const removeEvents = db.prepare<[string, number]>(
    "delete from events where id in (select id from events where run = ? order by id limit ?)",
  );
  // Rows that name the run elsewhere go with it (`on delete cascade`).
  const removeRun = db.prepare<[string]>("delete from runs where id = ?");
  const listsOfSpace = db
    .prepare<{ space: string; past: string }, string>(
      `select run from run_input_lists where space = @space and run < @past
         and run not in (select run from drafts)
         and not exists (select 1 from runs where id = run_input_lists.run and state not in ('done', 'error'))
       order by run limit 1`,
    )
    .pluck();
  const removeList = db.prepare<[string]>("delete from run_input_lists where run = ?");
  // A list that is older and still there, a draft's or an unfinished run's, may name the same versions.
  const removeVersions = db.prepare<{ run: string; space: string }>(
    `delete from recorded_inputs where last_run = @run and not exists (
       select 1 from run_input_lists older, json_each(older.inputs) named
       where older.space = @space and older.run < @run and named.value = recorded_inputs.id)`,
  );
  const removeSettlements = db.prepare<{ untilMs: number; space: string; limit: number }>(
    `delete from settlements where (space, token) in (select space, token from settlements
       where at < @untilMs and space = @space limit @limit)
     and not exists (select 1 from runs where runs.space = settlements.space and state = 'active')`,
  );

  // Runs of phase 1 have no space of their own; each of their settlements is under the row of its session.
  const removeOfSessions = db.prepare<{ untilMs: number; limit: number }>(
    `delete from settlements where (space, token) in (select space, token from settlements
       where at < @untilMs and space in (select job_key from jobs where kind = '${STAGE1_KIND}') limit @limit)
     and not exists (select 1 from runs where runs.space = '' and state = 'active')`,
  );
  const removeSettled = ({ space, ...past }: { untilMs: number; space: string; limit: number }): number =>
    space === "" ? removeOfSessions.run(past).changes : removeSettlements.run({ space, ...past }).changes;
  const dropPatches = patchDropper(db);

  function removeOne(request: RetentionRequest): number {
    const { space, keepRuns, keepRunDays, nowMs } = request;
    const rows = dropPatches(space);
    if (rows > 0) return rows;
    const past = nthNewest.get(space, keepRuns - 1);
    const untilMs = nowMs - keepRunDays * DAY_MS;
    const longUntilMs = nowMs - 2 * keepRunDays * DAY_MS;
    const settled = { untilMs: longUntilMs, space, limit: ROWS };
    if (past === undefined) return removeSettled(settled);
    const longPast = nthNewest.get(space, 2 * keepRuns - 1) ?? "";
    const run = victim.get({ space, past, longPast, untilMs, longUntilMs });
    if (run !== undefined) {
      const rows = removeEvents.run(run, ROWS).changes;
      return rows === ROWS ? rows : rows + removeRun.run(run).changes;
    }
    const list = listsOfSpace.get({ space, past });
    if (list !== undefined) {
      const rows = removeVersions.run({ run: list, space }).changes;
      return rows + removeList.run(list).changes;
    }
    return removeSettled(settled);
  }

  /** Gives pages back that nothing is written on; how many are left to be given. */
  function shrink(): number {
    const free = db.pragma("freelist_count", { simple: true }) as number;
    if (free <= SPARE_PAGES) return 0;
    db.pragma(`incremental_vacuum(${Math.min(PAGES, free - SPARE_PAGES)})`);
    const left = db.pragma("freelist_count", { simple: true }) as number;
    // A file that was made without incremental vacuum keeps its pages until it is compacted.
    return left < free ? Math.max(0, left - SPARE_PAGES) : 0;
  }

  return async (request) => {
    const removed = await write(() => removeOne(request), GROUP_LIMIT);
    if (removed > 0) return { removed, isDone: false };
    const left = await write(shrink, GROUP_LIMIT);
    return { removed: 0, isDone: left === 0 };
  };
}

/**
 * Takes the patches of a run that is over out of its log: two thirds of it, which nobody reads any more. Its rows are
 * written anew, since pages that only become emptier are not given back. Answers how many rows; 0: no run has patches.
 */
function patchDropper(db: Database): (space: string) => number {
  const next = db
    .prepare<[string], string>(
      `select id from runs indexed by runs_with_patches
       where space = ? and state in ('done', 'error') and logged >= 0 order by id limit 1`,
    )
    .pluck();
  const mark = db.prepare<[string]>("update runs set logged = -1 where id = ?");
  const forget = db.prepare<[string]>("update events set patch = null where run = ? and patch is not null");
  const read = db.prepare<[string, number], object>("select * from events where run = ? order by id limit ?");
  const remove = db.prepare<[string]>("delete from events where run = ?");
  const columns = db.prepare<[], string>("select name from pragma_table_info('events')").pluck().all();
  const insert = db.prepare(
    `insert into events (${columns.join(", ")}) values (${columns.map((name) => `@${name}`).join(", ")})`,
  );

  return (space) => {
    const run = next.get(space);
    if (run === undefined) return 0;
    const rows = read.all(run, REWRITTEN_ROWS + 1);
    if (rows.length > REWRITTEN_ROWS) forget.run(run);
    else {
      remove.run(run);
      for (const row of rows) insert.run({ ...row, patch: null });
    }
    mark.run(run);
    return rows.length;
  };
}
