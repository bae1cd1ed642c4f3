import type { Database } from "better-sqlite3";
import {
  type ActorRow,
  areIntentsOf,
  type CommitOutcome,
  type CommitRequest,
  type Inbox,
  type Intent,
  judgeRepeated,
  type LogRow,
  type NewRun,
  type RunFilter,
  type RunRecord,
  type RunStore,
  type RunTally,
  type Signal,
  type UnfinishedRun,
} from "../../domain/run.ts";
import { storeError } from "../errors.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

function writesOf(db: Database) {
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
  return {
    insertRun,
    advance,
    finish,
    logRow,
    putActor,
    removeActor,
    leaveSignal,
    takeSignal,
    closeSignal,
    pause,
    takeOver,
    unpark,
    relabel,
    park,
    redactRow,
    redactSnapshot,
    requestCancel,
  };
}

export function sqliteRuns(db: Database, { write, read }: Writer): RunStore {
  const queries = runQueries(db);
  const statements = writesOf(db);
  const {
    logRow,
    leaveSignal,
    closeSignal,
    pause,
    takeOver,
    unpark,
    relabel,
    park,
    redactRow,
    redactSnapshot,
    requestCancel,
  } = statements;
  const commits = commitsOf(db, queries, statements);
  return {
    ...reads(queries, read),
    create: (run, first) => write(() => commits.create(run, first)),
    commit: (request) => write(() => commits.commit(request)),
    signal: ({ run, key, event, nowMs }) =>
      write(() => {
        const known = key === null ? null : queries.signalOf(run, key);
        if (known !== null) return known;
        const { changes, lastInsertRowid } = leaveSignal.run(run, key, event, nowMs, run);
        return changes === 0 ? null : queries.signal(Number(lastInsertRowid));
      }),
    closeSignals: ({ run, fence, ids }) =>
      write(() => {
        if (queries.run(run)?.fence !== fence) return false;
        for (const id of ids) closeSignal.run(id, run);
        return true;
      }),
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
    note: async (run, { atMs, type, data }) => {
      const text = JSON.stringify(data) ?? "null";
      return write(() => Number(logRow.run(run, null, atMs, type, null, text, null).lastInsertRowid));
    },
    redact: ({ rows, snapshot }) =>
      write(
        () => {
          for (const { id, data } of rows) redactRow.run(data, id);
          if (snapshot !== null) redactSnapshot.run(snapshot.snapshot, snapshot.run);
        },
        Math.min(rows.length + 1, GROUP_LIMIT),
      ),
  };
}

function reads(
  queries: RunQueries,
  read: Writer["read"],
): Pick<
  RunStore,
  | "read"
  | "list"
  | "unfinished"
  | "openIntents"
  | "actors"
  | "messages"
  | "readSignal"
  | "inbox"
  | "cancelRequests"
  | "log"
  | "tail"
  | "steps"
  | "tally"
> {
  return {
    read: (run) => read(() => queries.run(run)),
    list: (filter) => read(() => queries.runs(filter)),
    unfinished: (filter) => read(() => queries.unfinished(filter)),
    openIntents: (run) => read(() => queries.openIntents(run)),
    actors: (run) => read(() => queries.actors(run)),
    messages: (query) => read(() => queries.messages(query)),
    readSignal: (id) => read(() => queries.signal(id)),
    inbox: (owner) => read(() => queries.inbox(owner)),
    cancelRequests: (owner) => read(() => queries.toCancel(owner)),
    log: (query) => read(() => queries.log(query)),
    tail: (query) => read(() => queries.tail(query)),
    steps: (query) => read(() => queries.steps(query)),
    tally: (filter) => read(() => queries.tally(filter)),
  };
}

/**
 * A commit is the engine's hot path: one guarded update, with the run's open intents in its row, and one log row.
 * That is three pages; what a commit costs beyond the sync is their number.
 */
function commitsOf(db: Database, queries: RunQueries, statements: ReturnType<typeof writesOf>) {
  const { insertRun, advance, finish, logRow, putActor, removeActor, takeSignal } = statements;

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

  return { create, commit };
}

const RUN = `select id, space, machine, version, hash, state, sequence, fence, owner, snapshot,
  created_at as createdAtMs, updated_at as updatedAtMs, cancel_requested_at as cancelRequestedAtMs, parked, paused_at as pausedAtMs`;

/** As in the indexes of ended runs, or they are of no use. */
export const RUN_STATUS = `case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end`;

/** Left to itself the planner walks all runs there ever were, for the sake of their order. */
const ACTIVE_RUNS = "runs indexed by runs_active";
const ACTIVE = "state = 'active'";
const UNFINISHED = `select id, space, owner from ${ACTIVE_RUNS} where ${ACTIVE}`;

const LOG = `select id, run, sequence, at as atMs, type, value, data, actor from events`;

const SIGNAL = `select id, run, key, event, at as atMs, state, sequence from signals`;

/** A row as SQLite gives it: what is not there is null. */
type Row<Record> = { -readonly [Name in keyof Record]: Record[Name] | null };

function runOf(row: Row<RunRecord>): RunRecord {
  if (row.pausedAtMs === null) delete row.pausedAtMs;
  return row as RunRecord;
}

function lineOf(row: Row<LogRow>): LogRow {
  if (row.actor === null) delete row.actor;
  return row as LogRow;
}

/** What is read of runs, also by steps of a transaction. */
export interface RunQueries {
  run(id: string): RunRecord | null;
  runs(filter: RunFilter): readonly RunRecord[];
  loggedAt(run: string, sequence: number): LogRow | null;
  log(query: { run?: string; after: number; limit: number }): readonly LogRow[];
  tail(query: { run?: string; before?: number; limit: number }): readonly LogRow[];
  steps(query: { run: string; to: number }): readonly LogRow[];
  tally(filter: { space?: string }): readonly RunTally[];
  openIntents(run: string): readonly Intent[];
  actors(run: string): readonly ActorRow[];
  messages(query: { run: string; actor: string; limit: number }): readonly LogRow[];
  signal(id: number): Signal | null;
  signalOf(run: string, key: string): Signal | null;
  inbox(owner: string): Inbox;
  toCancel(owner: string): readonly string[];
  unfinished(filter: { space?: string }): readonly UnfinishedRun[];
}

function readsOf(db: Database) {
  const run = db.prepare<[string], Row<RunRecord>>(`${RUN} from runs where id = ?`);
  const logged = db.prepare<[string, number], Row<LogRow>>(
    `${LOG} where run = ? and sequence = ? order by id limit 1`,
  );
  const logOfAll = db.prepare<[number, number], Row<LogRow>>(`${LOG} where id > ? order by id limit ?`);
  const logOfRun = db.prepare<[string, number, number], Row<LogRow>>(
    `${LOG} where run = ? and id > ? order by id limit ?`,
  );
  const tailOfAll = db.prepare<[number, number], Row<LogRow>>(`${LOG} where id < ? order by id desc limit ?`);
  const tailOfRun = db.prepare<[string, number, number], Row<LogRow>>(
    `${LOG} where run = ? and id < ? order by id desc limit ?`,
  );
  const steps = db.prepare<[string, number], Row<LogRow>>(
    `${LOG} where run = ? and sequence between 0 and ? order by id`,
  );
  const active = `select 'active' as state, null as status, count(*) as count from runs where state = 'active'`;
  // Counted in the order of the index first, which so need not look into any snapshot.
  const ended = (of: string) =>
    `select state, status, sum(count) as count from
       (select state, ${RUN_STATUS} as status, count(*) as count from runs where state <> 'active' ${of}
        group by space, state, ${RUN_STATUS}) group by state, status`;
  const tally = db.prepare<[], RunTally>(`${active} union all ${ended("")}`);
  const tallyOfSpace = db.prepare<{ space: string }, RunTally>(
    `${active} and space = @space union all ${ended("and space = @space")}`,
  );
  const actors = db.prepare<[string], { key: string; snapshot: string; intents: string }>(
    "select key, snapshot, intents from run_actors where run = ? order by begun, key",
  );
  const messages = db.prepare<[string, string, number], Row<LogRow>>(
    `${LOG} where run = ? and actor = ? order by id desc limit ?`,
  );
  const signal = db.prepare<[number], Signal>(`${SIGNAL} where id = ?`);
  const signalByKey = db.prepare<[string, string], Signal>(`${SIGNAL} where run = ? and key = ?`);
  const openSignals = db.prepare<[string], Signal>(
    `select signals.id, run, key, event, at as atMs, signals.state, signals.sequence from signals
     join runs on runs.id = signals.run
     where signals.state = 'open' and runs.owner = ? and runs.state = 'active' order by signals.id limit 1000`,
  );
  const paused = db
    .prepare<[string], string>(
      "select id from runs where paused_at is not null and owner = ? and state = 'active'",
    )
    .pluck();
  const intents = db.prepare<[string], string>("select intents from runs where id = ?").pluck();
  const unfinished = db.prepare<[], UnfinishedRun>(`${UNFINISHED} order by id`);
  const unfinishedOf = db.prepare<[string], UnfinishedRun>(`${UNFINISHED} and space = ? order by id`);
  const toCancel = db
    .prepare<[string], string>(
      "select id from runs where owner = ? and cancel_requested_at is not null and state = 'active' order by id",
    )
    .pluck();
  return {
    run,
    logged,
    logOfAll,
    logOfRun,
    tailOfAll,
    tailOfRun,
    steps,
    tally,
    tallyOfSpace,
    actors,
    messages,
    signal,
    signalByKey,
    openSignals,
    paused,
    intents,
    unfinished,
    unfinishedOf,
    toCancel,
  };
}

function runQueries(db: Database): RunQueries {
  const {
    run,
    logged,
    logOfAll,
    logOfRun,
    tailOfAll,
    tailOfRun,
    steps,
    tally,
    tallyOfSpace,
    actors,
    messages,
    signal,
    signalByKey,
    openSignals,
    paused,
    intents,
    unfinished,
    unfinishedOf,
    toCancel,
  } = readsOf(db);
  return {
    run: (id) => {
      const row = run.get(id);
      return row === undefined ? null : runOf(row);
    },
    runs: (filter) => {
      const tests = [
        filter.space === undefined ? [] : ["space = @space"],
        // Said in so many words, or the index of active runs cannot be used.
        filter.state === undefined ? [] : [filter.state === "active" ? ACTIVE : "state = @state"],
        filter.machines === undefined ? [] : ["machine in (select value from json_each(@machines))"],
        filter.before === undefined ? [] : ["id < @before"],
        filter.statuses === undefined
          ? []
          : [
              "state <> 'active'",
              `ifnull(${RUN_STATUS}, '') in (select ifnull(value, '') from json_each(@statuses))`,
            ],
      ].flat();
      const where = tests.length === 0 ? "" : `where ${tests.join(" and ")}`;
      const from = filter.state === "active" ? ACTIVE_RUNS : "runs";
      const rows = db.prepare<object, Row<RunRecord>>(
        `${RUN} from ${from} ${where} order by id desc limit @limit`,
      );
      const lists = {
        statuses: JSON.stringify(filter.statuses ?? []),
        machines: JSON.stringify(filter.machines ?? []),
      };
      return rows.all({ ...filter, ...lists }).map(runOf);
    },
    loggedAt: (id, sequence) => {
      const row = logged.get(id, sequence);
      return row === undefined ? null : lineOf(row);
    },
    log: ({ run: of, after, limit }) =>
      (of === undefined ? logOfAll.all(after, limit) : logOfRun.all(of, after, limit)).map(lineOf),
    tail: ({ run: of, before = Number.MAX_SAFE_INTEGER, limit }) =>
      (of === undefined ? tailOfAll.all(before, limit) : tailOfRun.all(of, before, limit))
        .reverse()
        .map(lineOf),
    steps: ({ run: of, to }) => steps.all(of, to).map(lineOf),
    tally: ({ space }) =>
      (space === undefined ? tally.all() : tallyOfSpace.all({ space })).filter(({ count }) => count > 0),
    openIntents: (id) => JSON.parse(intents.get(id) ?? "[]") as readonly Intent[],
    actors: (of) =>
      actors.all(of).map((row) => ({ ...row, intents: JSON.parse(row.intents) as readonly Intent[] })),
    messages: ({ run: of, actor, limit }) => messages.all(of, actor, limit).reverse().map(lineOf),
    signal: (id) => signal.get(id) ?? null,
    signalOf: (of, key) => signalByKey.get(of, key) ?? null,
    inbox: (owner) => ({ signals: openSignals.all(owner), paused: paused.all(owner) }),
    toCancel: (owner) => toCancel.all(owner),
    unfinished: ({ space }) => (space === undefined ? unfinished.all() : unfinishedOf.all(space)),
  };
}
