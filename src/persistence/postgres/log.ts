import { setTimeout } from "node:timers";
import type { LogRow, RunStore } from "../../domain/run.ts";
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
 * The log is read up to the oldest transaction that is under way: whoever follows it by the last id misses nothing. A
 * transaction that stays open for long, of whichever program in the cluster, holds a reader of the whole log up. A reader
 * of one run waits for a moment alone: nearly all of its rows are written one after the other, by its owner.
 */
export function runLog(db: Database): Pick<RunStore, "log" | "tail"> {
  async function read(
    { run, test, order }: { readonly run?: string; readonly test: string; readonly order: "asc" | "desc" },
    values: readonly unknown[],
  ): Promise<readonly LogRow[]> {
    for (const wait of [...WAITS_MS, null]) {
      const { rows } = await db.query<Line & { readonly isSafe: boolean }>(
        `select log.*, id < ${HORIZON} as "isSafe"
         from (${LOG} where ${run === undefined ? "" : "run = $3 and"} ${test} order by id ${order} limit $2) log
         order by id`,
        run === undefined ? values : [...values, run],
      );
      const safe = rows.filter(({ isSafe }) => isSafe);
      const isWhole = safe.length === rows.length || (wait === null && run !== undefined);
      if (isWhole || wait === null) {
        return (isWhole ? rows : safe).map(({ isSafe: _, ...row }) => lineOf(row));
      }
      await new Promise<void>((resolve) => setTimeout(resolve, wait));
    }
    return [];
  }

  return {
    log: ({ run, after, limit }) =>
      read({ test: "id > $1", order: "asc", ...(run !== undefined && { run }) }, [after, limit]),
    tail: ({ run, before = Number.MAX_SAFE_INTEGER, limit }) =>
      read({ test: "id < $1", order: "desc", ...(run !== undefined && { run }) }, [before, limit]),
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
