import type { Database } from "better-sqlite3";
import type {
  ActorRow,
  Inbox,
  Intent,
  LogRow,
  RunFilter,
  RunRecord,
  RunTally,
  Signal,
  UnfinishedRun,
} from "../../domain/run.ts";

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

export function runQueries(db: Database): RunQueries {
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
