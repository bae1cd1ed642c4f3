import type { Database } from "better-sqlite3";
import {
  areIntentsOf,
  type CommitOutcome,
  type CommitRequest,
  judgeRepeated,
  type NewRun,
  type RunStore,
} from "../../domain/run.ts";
import { storeError } from "../errors.ts";
import { runQueries } from "./run-queries.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

/**
 * A commit is the engine's hot path: one guarded update, with the run's open intents in its row, and one log row.
 * That is three pages; what a commit costs beyond the sync is their number.
 */
export function sqliteRuns(db: Database, { write, read }: Writer): RunStore {
  const queries = runQueries(db);
  const insertRun = db.prepare(
    `insert into runs (id, space, machine, version, hash, state, sequence, fence, owner, snapshot, created_at,
       updated_at, intents) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  );
  // The guard: this process still acts for the run, the run lives, and nobody took this place in its log.
  const GUARD = "where id = ? and fence = ? and sequence = ? and state = 'active'";
  // Naming the state, even the same, would rewrite its indexes.
  const advance = db.prepare(
    `update runs set sequence = ?, snapshot = ?, updated_at = ?, intents = ? ${GUARD}`,
  );
  const finish = db.prepare(
    `update runs set sequence = ?, snapshot = ?, updated_at = ?, intents = ?, state = ? ${GUARD}`,
  );
  const logRow = db.prepare(
    "insert into events (run, sequence, at, type, value, data, actor) values (?, ?, ?, ?, ?, ?, ?)",
  );
  const putActor = db.prepare(
    `insert into run_actors (run, key, begun, snapshot, intents) values (?, ?, ?, ?, ?)
     on conflict (run, key) do update set snapshot = excluded.snapshot, intents = excluded.intents`,
  );
  const removeActor = db.prepare("delete from run_actors where run = ? and key = ?");
  const leaveSignal = db.prepare<[string, string | null, string, number, string]>(
    `insert into signals (run, key, event, at) select ?, ?, ?, ? where exists
     (select 1 from runs where id = ? and state = 'active')`,
  );
  const takeSignal = db.prepare<[number, number, string]>(
    "update signals set state = 'handled', sequence = ? where id = ? and run = ? and state = 'open'",
  );
  const closeSignal = db.prepare<[number, string]>(
    "update signals set state = 'unhandled' where id = ? and run = ? and state = 'open'",
  );
  const pause = db.prepare<[number | null, string]>(
    "update runs set paused_at = ? where id = ? and state = 'active'",
  );
  const takeOver = db.prepare(
    `update runs set fence = fence + 1, owner = @owner, updated_at = @nowMs
     where id = @run and fence = @fence and state = 'active'`,
  );
  const unpark = db.prepare<[string, number]>(
    "update runs set state = 'active', parked = null where id = ? and fence = ? and state = 'parked'",
  );
  const relabel = db.prepare<[string, string, string, string]>(
    "update runs set version = ?, hash = ?, snapshot = ? where id = ?",
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
    const { run, sequence, atMs, eventType, value, event, actor = null } = request;
    logRow.run(run, sequence, atMs, eventType, value, event, actor);
    for (const message of request.messages ?? []) {
      logRow.run(run, sequence, atMs, message.type, message.value, message.event, message.actor);
    }
    for (const key of request.removed ?? []) removeActor.run(run, key);
    for (const { key, snapshot, intents } of request.actors ?? []) {
      putActor.run(run, key, sequence, snapshot, JSON.stringify(intents));
    }
    for (const id of request.signals ?? []) takeSignal.run(sequence, id, run);
  }

  function intentsOf({ run, intents, actors = [] }: CommitRequest): string {
    if (![intents, ...actors.map((actor) => actor.intents)].every((own) => areIntentsOf(run, own)))
      throw storeError("store_rejected", db.name);
    return JSON.stringify(intents);
  }

  function create(run: NewRun, first: CommitRequest): CommitOutcome {
    const { id, space, machine, version, hash, owner, createdAtMs } = run;
    const { state, sequence, fence, snapshot, atMs } = first;
    const { changes } = insertRun.run(
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
      intentsOf(first),
    );
    if (changes === 0) return judge(first);
    record(first);
    return "ok";
  }

  function commit(request: CommitRequest): CommitOutcome {
    const { run, sequence, snapshot, state, atMs, fence } = request;
    const intents = intentsOf(request);
    const guarded = [run, fence, sequence - 1] as const;
    const { changes } =
      state === "active"
        ? advance.run(sequence, snapshot, atMs, intents, ...guarded)
        : finish.run(sequence, snapshot, atMs, intents, state, ...guarded);
    if (changes === 0) return judge(request);
    record(request);
    return "ok";
  }

  /** What it was that stands where this was to go. */
  function judge(request: CommitRequest): CommitOutcome {
    const { run, sequence } = request;
    return judgeRepeated(queries.run(run), queries.loggedAt(run, sequence), request);
  }

  return {
    create: (run, first) => write(() => create(run, first)),
    commit: (request) => write(() => commit(request)),
    read: (run) => read(() => queries.run(run)),
    list: (filter) => read(() => queries.runs(filter)),
    unfinished: (filter) => read(() => queries.unfinished(filter)),
    openIntents: (run) => read(() => queries.openIntents(run)),
    actors: (run) => read(() => queries.actors(run)),
    messages: (query) => read(() => queries.messages(query)),
    signal: ({ run, key, event, nowMs }) =>
      write(() => {
        const known = key === null ? null : queries.signalOf(run, key);
        if (known !== null) return known;
        const { changes, lastInsertRowid } = leaveSignal.run(run, key, event, nowMs, run);
        return changes === 0 ? null : queries.signal(Number(lastInsertRowid));
      }),
    readSignal: (id) => read(() => queries.signal(id)),
    closeSignals: ({ run, fence, ids }) =>
      write(() => {
        if (queries.run(run)?.fence !== fence) return false;
        for (const id of ids) closeSignal.run(id, run);
        return true;
      }),
    inbox: (owner) => read(() => queries.inbox(owner)),
    pause: ({ run, isPaused, nowMs }) => write(() => pause.run(isPaused ? nowMs : null, run).changes === 1),
    takeOver: (request) =>
      write(() => {
        const { run: id, fence, owner, nowMs, as, isParked } = request;
        if (isParked === true) unpark.run(id, fence);
        const isTaken = takeOver.run({ run: id, fence, owner, nowMs }).changes === 1;
        if (isTaken && as !== undefined) relabel.run(as.version, as.hash, as.snapshot, id);
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
      return write(() => Number(logRow.run(run, null, atMs, type, null, text, null).lastInsertRowid));
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
