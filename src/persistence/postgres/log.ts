import { setTimeout } from "node:timers";
import type { RunStore } from "../../domain/run.ts";
import type { Database } from "./database.ts";
import { type Line, LOG, lineOf } from "./run-queries.ts";

/** So many rows of the log one transaction can write: `id = base + transaction * ROWS + place`. */
export const ROWS_OF_TRANSACTION = 4096;

/** The id of the first row that this transaction writes, in SQL. */
export const FIRST_ID = `(select base from slowwave.log_base) + pg_current_xact_id()::text::bigint * ${ROWS_OF_TRANSACTION}`;

/** Every row with an id below this one is committed, or never will be. */
const HORIZON = `(select base from slowwave.log_base)
  + pg_snapshot_xmin(pg_current_snapshot())::text::bigint * ${ROWS_OF_TRANSACTION}`;

/** Rows that a slower transaction may still come before are waited for so long: a commit takes a few milliseconds. */
const WAITS_MS = [1, 2, 4, 8, 16, 32];

/**
 * The log of all runs is read up to the oldest transaction that is under way: whoever follows it by the last id misses
 * nothing. A transaction that stays open for long, of whichever program in the cluster, holds such a reader up.
 */
export function runLog(db: Database): Pick<RunStore, "log" | "tail"> {
  async function ofAll(
    test: string,
    values: readonly unknown[],
    order: "asc" | "desc",
  ): Promise<readonly Line[]> {
    for (const wait of [...WAITS_MS, null]) {
      const { rows } = await db.query<Line & { readonly isSafe: boolean }>(
        `select log.*, id < ${HORIZON} as "isSafe" from (${LOG} where ${test} order by id ${order} limit $2) log
         order by id ${order}`,
        values,
      );
      const safe = rows.filter(({ isSafe }) => isSafe).map(({ isSafe: _, ...row }) => row);
      if (safe.length === rows.length || wait === null) return safe;
      await new Promise<void>((resolve) => setTimeout(resolve, wait));
    }
    return [];
  }

  return {
    log: async ({ run, after, limit }) => {
      if (run === undefined) return (await ofAll("id > $1", [after, limit], "asc")).map(lineOf);
      const sql = `${LOG} where run = $1 and id > $2 order by id limit $3`;
      return (await db.query<Line>(sql, [run, after, limit])).rows.map(lineOf);
    },
    tail: async ({ run, before = Number.MAX_SAFE_INTEGER, limit }) => {
      if (run === undefined) return (await ofAll("id < $1", [before, limit], "desc")).map(lineOf).reverse();
      const sql = `${LOG} where run = $1 and id < $2 order by id desc limit $3`;
      return (await db.query<Line>(sql, [run, before, limit])).rows.map(lineOf).reverse();
    },
  };
}

/** A dump that was restored elsewhere: its rows are numbered by transactions that the new cluster has not come to yet. */
export async function raiseLogBase(db: Database): Promise<void> {
  const isBehind = `(select max(id) from slowwave.events) >= ${FIRST_ID}`;
  const { rows } = await db.query<{ isBehind: boolean | null }>(`select ${isBehind} as "isBehind"`);
  if (rows[0]?.isBehind !== true) return;
  await db.query(
    `update slowwave.log_base set base = (select max(id) from slowwave.events) + 1
       - pg_snapshot_xmin(pg_current_snapshot())::text::bigint * ${ROWS_OF_TRANSACTION}
     where ${isBehind}`,
  );
}
