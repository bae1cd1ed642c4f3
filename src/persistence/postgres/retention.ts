import { STAGE1_KIND } from "../../domain/job.ts";
import type { RetentionRequest, RetentionSlice } from "../../domain/ports.ts";
import type { Database, Query } from "./database.ts";
import { nowIn, type StoreClock, spaceLock } from "./jobs.ts";

/** How many rows one slice removes: some milliseconds of writing. */
const ROWS = 2_000;
const RUNS = 50;

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Takes away what is past its time, a slice at a call. Every slice begins with the oldest, so that one which is broken off
 * leaves nothing that a later one would not find. The room is the database's to use again (autovacuum finds it).
 */
export function postgresRetention(
  db: Database,
  clock: StoreClock,
): (request: RetentionRequest) => Promise<RetentionSlice> {
  return async (request) => {
    const now = clock();
    const removed = await db.transaction((query) => removeSome(query, request, now), {
      locks: [spaceLock(db, request.space)],
    });
    return { removed, isDone: removed === 0 };
  };
}

async function removeSome(
  query: Query,
  { space, keepRuns, keepRunDays }: RetentionRequest,
  now: number | null,
): Promise<number> {
  const patched = await dropPatches(query, space);
  if (patched > 0) return patched;
  const { rows } = await query<{ id: string }>(
    `with clock as (select ${nowIn("$2")} as ms),
     past as (select id from slowwave.runs where space = $1 order by id desc limit 1 offset $3),
     long_past as (select id from slowwave.runs where space = $1 order by id desc limit 1 offset $4)
     select id from slowwave.runs, clock where space = $1 and id < (select id from past)
       and state in ('done', 'error') and updated_at < clock.ms - $5::bigint
       and (coalesce(status, 'failed') not like 'failed%'
         or (id < (select id from long_past) and updated_at < clock.ms - 2 * $5::bigint))
     order by id limit $6`,
    [space, now, keepRuns - 1, 2 * keepRuns - 1, keepRunDays * DAY_MS, RUNS],
  );
  if (rows.length > 0) {
    const ids = rows.map(({ id }) => id);
    const removed = await query(
      `delete from slowwave.events where id in
         (select id from slowwave.events where run = any ($1::text[]) limit $2)`,
      [ids, ROWS],
    );
    if (removed.count === ROWS) return ROWS;
    // Rows that name the run elsewhere go with it (`on delete cascade`).
    return (
      removed.count + (await query("delete from slowwave.runs where id = any ($1::text[])", [ids])).count
    );
  }
  const lists = await removeList(query, space, keepRuns);
  return lists > 0 ? lists : removeSettlements(query, space, now, 2 * keepRunDays * DAY_MS);
}

/** Takes the patches of runs that are over out of their logs: only an unfinished run is put together from them. */
async function dropPatches(query: Query, space: string): Promise<number> {
  const { rows } = await query<{ id: string }>(
    `select id from slowwave.runs where space = $1 and state in ('done', 'error') and logged >= 0
     order by id limit $2`,
    [space, RUNS],
  );
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  const { count } = await query(
    "update slowwave.events set patch = null where run = any ($1::text[]) and patch is not null",
    [ids],
  );
  // Each run is looked at once.
  await query("update slowwave.runs set logged = -1 where id = any ($1::text[])", [ids]);
  return count + ids.length;
}

/** What the oldest run that is past its time consolidated. */
async function removeList(query: Query, space: string, keepRuns: number): Promise<number> {
  const { rows } = await query<{ run: string }>(
    `select run from slowwave.run_input_lists where space = $1
       and run < (select id from slowwave.runs where space = $1 order by id desc limit 1 offset $2)
       and run not in (select run from slowwave.drafts)
       and not exists (select 1 from slowwave.runs where id = run_input_lists.run and state not in ('done', 'error'))
     order by run limit 1`,
    [space, keepRuns - 1],
  );
  const run = rows[0]?.run;
  if (run === undefined) return 0;
  // A list that is older and still there, a draft's or an unfinished run's, may name the same versions.
  const versions = await query(
    `delete from slowwave.recorded_inputs where last_run = $2 and not exists (
       select 1 from slowwave.run_input_lists older
       where older.space = $1 and older.run < $2 and recorded_inputs.id = any (older.inputs))`,
    [space, run],
  );
  const list = await query("delete from slowwave.run_input_lists where run = $1", [run]);
  return versions.count + list.count;
}

async function removeSettlements(
  query: Query,
  space: string,
  now: number | null,
  keptMs: number,
): Promise<number> {
  // Runs of phase 1 have no space of their own; each of their settlements is under the row of its session.
  const isOurs =
    space === ""
      ? `$1 = '' and space in (select job_key from slowwave.jobs where kind = '${STAGE1_KIND}')`
      : "space = $1";
  const { count } = await query(
    `delete from slowwave.settlements where (space, token) in (
       select space, token from slowwave.settlements where ${isOurs} and at < ${nowIn("$2")} - $3::bigint limit $4)
     and not exists (select 1 from slowwave.runs where runs.space = $1 and state = 'active')`,
    [space, now, keptMs, ROWS],
  );
  return count;
}
