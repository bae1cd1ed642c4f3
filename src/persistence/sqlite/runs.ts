import type { Database } from "better-sqlite3";
import type { RunStore } from "../../domain/ports.ts";
import type { CommitOutcome, CommitRequest, NewRun } from "../../domain/run.ts";
import { judgeRepeated } from "../../domain/run.ts";
import { runQueries } from "./run-queries.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

/** A commit is the engine's hot path: one guarded update, one log row, and a row for each intent. */
export function sqliteRuns(db: Database, { write, read }: Writer): RunStore {
  const queries = runQueries(db);
  const insertRun = db.prepare(
    `insert into runs (id, space, machine, version, hash, state, sequence, fence, owner, snapshot, created_at,
       updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // The guard: this process still acts for the run, the run lives, and nobody took this place in its log.
  const advance = db.prepare(
    `update runs set sequence = ?, snapshot = ?, state = ?, updated_at = ?
     where id = ? and fence = ? and sequence = ? and state = 'active'`,
  );
  const logRow = db.prepare(
    "insert into events (run, sequence, at, type, value, data) values (?, ?, ?, ?, ?, ?)",
  );
  const openIntent = db.prepare(
    `insert into intents (key, run, child, kind, src, input, due_at, opened, position)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const closeIntent = db.prepare(
    "update intents set closed = ? where key = ? and run = ? and closed is null",
  );
  const takeOver = db.prepare(
    `update runs set fence = fence + 1, owner = @owner, updated_at = @nowMs
     where id = @run and fence = @fence and state = 'active'`,
  );
  const park = db.prepare(
    `update runs set state = 'parked', parked = @reason, updated_at = @nowMs
     where id = @run and fence = @fence and state = 'active'`,
  );
  const redactRow = db.prepare<[string, number]>("update events set data = ? where id = ?");
  const redactSnapshot = db.prepare<[string, string]>(
    "update runs set snapshot = ? where id = ? and state <> 'active'",
  );
  const requestCancel = db.prepare(
    "update runs set cancel_requested_at = coalesce(cancel_requested_at, ?) where id = ? and state = 'active'",
  );

  function record(request: CommitRequest): void {
    const { run, sequence } = request;
    logRow.run(run, sequence, request.atMs, request.eventType, request.value, request.event);
    for (const key of request.close) closeIntent.run(sequence, key, run);
    for (const [position, { key, child, kind, src, input, dueAtMs }] of request.open.entries()) {
      openIntent.run(key, run, child, kind, src, input, dueAtMs, sequence, position);
    }
  }

  function create(run: NewRun, first: CommitRequest): CommitOutcome {
    const known = queries.run(run.id);
    if (known !== null) return judgeRepeated(known, queries.loggedAt(run.id, first.sequence), first);
    const { id, space, machine, version, hash, owner, createdAtMs } = run;
    const { state, sequence, fence, snapshot, atMs } = first;
    insertRun.run(
      id,
      space,
      machine,
      version,
      hash,
      state,
      sequence,
      fence,
      owner,
      snapshot,
      createdAtMs,
      atMs,
    );
    record(first);
    return "ok";
  }

  function commit(request: CommitRequest): CommitOutcome {
    const { run, sequence, snapshot, state, atMs, fence } = request;
    const isApplied = advance.run(sequence, snapshot, state, atMs, run, fence, sequence - 1).changes === 1;
    if (!isApplied) return judgeRepeated(queries.run(run), queries.loggedAt(run, sequence), request);
    record(request);
    return "ok";
  }

  return {
    create: (run, first) => write(() => create(run, first)),
    commit: (request) => write(() => commit(request)),
    read: (run) => read(() => queries.run(run)),
    list: (filter) => read(() => queries.runs(filter)),
    openIntents: (run) => read(() => queries.openIntents(run)),
    takeOver: (request) =>
      write(() => {
        const isTaken = takeOver.run(request).changes === 1;
        const run = queries.run(request.run);
        const isRepeated =
          run?.state === "active" && run.fence === request.fence + 1 && run.owner === request.owner;
        return isTaken || isRepeated ? run : null;
      }),
    park: (request) =>
      write(() => {
        if (park.run(request).changes === 1) return true;
        const run = queries.run(request.run);
        return run?.state === "parked" && run.fence === request.fence && run.parked === request.reason;
      }),
    requestCancel: (run, nowMs) => write(() => requestCancel.run(nowMs, run).changes === 1),
    cancelRequests: (owner) => read(() => queries.toCancel(owner)),
    note: async (run, { atMs, type, data }) => {
      const text = JSON.stringify(data) ?? "null";
      return write(() => Number(logRow.run(run, null, atMs, type, null, text).lastInsertRowid));
    },
    log: (query) => read(() => queries.log(query)),
    tail: (query) => read(() => queries.tail(query)),
    steps: (query) => read(() => queries.steps(query)),
    redact: ({ rows, snapshot }) =>
      write(
        () => {
          for (const { id, data } of rows) redactRow.run(data, id);
          if (snapshot !== null) redactSnapshot.run(snapshot.snapshot, snapshot.run);
        },
        Math.min(rows.length + 1, GROUP_LIMIT),
      ),
    tally: (filter) => read(() => queries.tally(filter)),
  };
}
