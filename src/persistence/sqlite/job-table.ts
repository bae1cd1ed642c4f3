import type { Database } from "better-sqlite3";
import { enqueued, JOB_KIND, type JobRow, type Lease } from "../../domain/job.ts";

const COLUMNS = [
  "kind",
  "job_key",
  "status",
  "worker_id",
  "ownership_token",
  "started_at",
  "finished_at",
  "lease_until",
  "retry_at",
  "retry_remaining",
  "last_error",
  "input_watermark",
  "last_success_watermark",
  "fence",
] as const satisfies readonly (keyof JobRow)[];

const THIS_SPACE = `kind = '${JOB_KIND}' and job_key = @space`;

/** "This row is mine": every guarded write names it, with `held(lease)` as its parameters. */
export const IS_MINE = `${THIS_SPACE} and status = 'running'
  and ownership_token = @lease_token and fence = @lease_fence`;

/** Mine, or a running row that carries no token (the original's fallback). */
const IS_MINE_OR_UNOWNED = `${THIS_SPACE} and status = 'running'
  and ((ownership_token = @lease_token and fence = @lease_fence) or ownership_token is null)`;

export function held({ space, token, fence }: Lease) {
  return { space, lease_token: token, lease_fence: fence };
}

const ASSIGNMENTS = COLUMNS.map((column) => `${column} = @${column}`).join(", ");

/** The table `jobs`, as steps of a transaction that someone else holds. */
export interface JobTable {
  read(space: string): JobRow | null;
  list(): readonly JobRow[];
  insert(row: JobRow): void;
  /** Unguarded: only after reading the row in the same transaction. */
  replace(row: JobRow): void;
  /** Guarded by the lease. False: it is no longer the lease's, and nothing was written. */
  replaceMine(row: JobRow, lease: Lease): boolean;
  replaceMineOrUnowned(row: JobRow, lease: Lease): boolean;
  isMine(lease: Lease): boolean;
  isRunning(space: string): boolean;
  enqueue(space: string, watermark: number): void;
}

export function jobTable(db: Database): JobTable {
  const select = `select ${COLUMNS.join(", ")} from jobs`;
  const one = db.prepare<{ space: string }, JobRow>(`${select} where ${THIS_SPACE}`);
  const all = db.prepare<[], JobRow>(`${select} where kind = '${JOB_KIND}' order by job_key`);
  const insert = db.prepare<JobRow>(
    `insert into jobs (${COLUMNS.join(", ")}) values (${COLUMNS.map((column) => `@${column}`).join(", ")})`,
  );
  const replaceWhere = (guard: string) => db.prepare(`update jobs set ${ASSIGNMENTS} where ${guard}`);
  const replace = replaceWhere(THIS_SPACE);
  const replaceMine = replaceWhere(IS_MINE);
  const replaceMineOrUnowned = replaceWhere(IS_MINE_OR_UNOWNED);
  const isMine = db.prepare(`select 1 from jobs where ${IS_MINE}`);
  const isRunning = db.prepare<{ space: string }>(
    `select 1 from jobs where ${THIS_SPACE} and status = 'running'`,
  );

  function read(space: string): JobRow | null {
    return one.get({ space }) ?? null;
  }

  return {
    read,
    list: () => all.all(),
    insert: (row) => void insert.run(row),
    replace: (row) => void replace.run({ ...row, space: row.job_key }),
    replaceMine: (row, lease) => replaceMine.run({ ...row, ...held(lease) }).changes === 1,
    replaceMineOrUnowned: (row, lease) => replaceMineOrUnowned.run({ ...row, ...held(lease) }).changes === 1,
    isMine: (lease) => isMine.get(held(lease)) !== undefined,
    isRunning: (space) => isRunning.get({ space }) !== undefined,
    enqueue: (space, watermark) => {
      const row = read(space);
      const next = enqueued(row, space, watermark);
      if (row === null) insert.run(next);
      else replace.run({ ...next, space });
    },
  };
}
