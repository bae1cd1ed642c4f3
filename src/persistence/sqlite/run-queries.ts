import type { Database } from "better-sqlite3";
import type { Intent, LogRow, RunFilter, RunRecord, RunTally, UnfinishedRun } from "../../domain/run.ts";

const RUN = `select id, space, machine, version, hash, state, sequence, fence, owner, snapshot,
  created_at as createdAtMs, updated_at as updatedAtMs, cancel_requested_at as cancelRequestedAtMs, parked`;

/** As in the indexes of ended runs, or they are of no use. */
const STATUS = `case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end`;

/** Left to itself the planner walks all runs there ever were, for the sake of their order. */
const ACTIVE_RUNS = "runs indexed by runs_active";
const ACTIVE = "state = 'active'";
const UNFINISHED = `select id, space, owner from ${ACTIVE_RUNS} where ${ACTIVE}`;

const LOG = `select id, run, sequence, at as atMs, type, value, data from events`;

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
  toCancel(owner: string): readonly string[];
  unfinished(filter: { space?: string }): readonly UnfinishedRun[];
}

export function runQueries(db: Database): RunQueries {
  const run = db.prepare<[string], RunRecord>(`${RUN} from runs where id = ?`);
  const logged = db.prepare<[string, number], LogRow>(`${LOG} where run = ? and sequence = ?`);
  const logOfAll = db.prepare<[number, number], LogRow>(`${LOG} where id > ? order by id limit ?`);
  const logOfRun = db.prepare<[string, number, number], LogRow>(
    `${LOG} where run = ? and id > ? order by id limit ?`,
  );
  const tailOfAll = db.prepare<[number, number], LogRow>(`${LOG} where id < ? order by id desc limit ?`);
  const tailOfRun = db.prepare<[string, number, number], LogRow>(
    `${LOG} where run = ? and id < ? order by id desc limit ?`,
  );
  const steps = db.prepare<[string, number], LogRow>(
    `${LOG} where run = ? and sequence between 0 and ? order by id`,
  );
  const active = `select 'active' as state, null as status, count(*) as count from runs where state = 'active'`;
  // Counted in the order of the index first, which so need not look into any snapshot.
  const ended = (of: string) =>
    `select state, status, sum(count) as count from
       (select state, ${STATUS} as status, count(*) as count from runs where state <> 'active' ${of}
        group by space, state, ${STATUS}) group by state, status`;
  const tally = db.prepare<[], RunTally>(`${active} union all ${ended("")}`);
  const tallyOfSpace = db.prepare<{ space: string }, RunTally>(
    `${active} and space = @space union all ${ended("and space = @space")}`,
  );
  const intents = db.prepare<[string], string>("select intents from runs where id = ?").pluck();
  const unfinished = db.prepare<[], UnfinishedRun>(`${UNFINISHED} order by id`);
  const unfinishedOf = db.prepare<[string], UnfinishedRun>(`${UNFINISHED} and space = ? order by id`);
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
        // Said in so many words, or the index of active runs cannot be used.
        filter.state === undefined ? [] : [filter.state === "active" ? ACTIVE : "state = @state"],
        filter.before === undefined ? [] : ["id < @before"],
        filter.statuses === undefined
          ? []
          : [
              "state <> 'active'",
              `ifnull(${STATUS}, '') in (select ifnull(value, '') from json_each(@statuses))`,
            ],
      ].flat();
      const where = tests.length === 0 ? "" : `where ${tests.join(" and ")}`;
      const from = filter.state === "active" ? ACTIVE_RUNS : "runs";
      return db.prepare<object, RunRecord>(`${RUN} from ${from} ${where} order by id desc limit @limit`).all({
        ...filter,
        statuses: JSON.stringify(filter.statuses ?? []),
      });
    },
    loggedAt: (id, sequence) => logged.get(id, sequence) ?? null,
    log: ({ run: of, after, limit }) =>
      of === undefined ? logOfAll.all(after, limit) : logOfRun.all(of, after, limit),
    tail: ({ run: of, before = Number.MAX_SAFE_INTEGER, limit }) =>
      (of === undefined ? tailOfAll.all(before, limit) : tailOfRun.all(of, before, limit)).reverse(),
    steps: ({ run: of, to }) => steps.all(of, to),
    tally: ({ space }) =>
      (space === undefined ? tally.all() : tallyOfSpace.all({ space })).filter(({ count }) => count > 0),
    openIntents: (id) => JSON.parse(intents.get(id) ?? "[]") as readonly Intent[],
    toCancel: (owner) => toCancel.all(owner),
    unfinished: ({ space }) => (space === undefined ? unfinished.all() : unfinishedOf.all(space)),
  };
}
