import type { Database } from "better-sqlite3";
import type { Intent, LogRow, RunFilter, RunRecord } from "../../domain/run.ts";

const RUN = `select id, space, machine, version, hash, state, sequence, fence, owner, snapshot,
  created_at as createdAtMs, updated_at as updatedAtMs, cancel_requested_at as cancelRequestedAtMs, parked from runs`;

const LOG = `select id, run, sequence, at as atMs, type, value, data from events`;

/** What is read of runs, also by steps of a transaction. */
export interface RunQueries {
  run(id: string): RunRecord | null;
  runs(filter: RunFilter): readonly RunRecord[];
  loggedAt(run: string, sequence: number): LogRow | null;
  log(query: { run?: string; after: number; limit: number }): readonly LogRow[];
  openIntents(run: string): readonly Intent[];
  toCancel(owner: string): readonly string[];
}

export function runQueries(db: Database): RunQueries {
  const run = db.prepare<[string], RunRecord>(`${RUN} where id = ?`);
  const logged = db.prepare<[string, number], LogRow>(`${LOG} where run = ? and sequence = ?`);
  const logOfAll = db.prepare<[number, number], LogRow>(`${LOG} where id > ? order by id limit ?`);
  const logOfRun = db.prepare<[string, number, number], LogRow>(
    `${LOG} where run = ? and id > ? order by id limit ?`,
  );
  const openIntents = db.prepare<[string], Intent>(
    `select key, run, child, kind, src, input, due_at as dueAtMs from intents
     where run = ? and closed is null order by opened, position`,
  );
  const toCancel = db
    .prepare<[string], string>(
      "select id from runs where owner = ? and cancel_requested_at is not null and state = 'active' order by id",
    )
    .pluck();

  return {
    run: (id) => run.get(id) ?? null,
    runs: (filter) => {
      const tests = [
        filter.space === undefined ? [] : ["space = @space"],
        filter.state === undefined ? [] : ["state = @state"],
        filter.before === undefined ? [] : ["id < @before"],
      ].flat();
      const where = tests.length === 0 ? "" : `where ${tests.join(" and ")}`;
      return db.prepare<RunFilter, RunRecord>(`${RUN} ${where} order by id desc limit @limit`).all(filter);
    },
    loggedAt: (id, sequence) => logged.get(id, sequence) ?? null,
    log: ({ run: of, after, limit }) =>
      of === undefined ? logOfAll.all(after, limit) : logOfRun.all(of, after, limit),
    openIntents: (id) => openIntents.all(id),
    toCancel: (owner) => toCancel.all(owner),
  };
}
