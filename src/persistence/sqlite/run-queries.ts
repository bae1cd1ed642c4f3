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
  UnfinishedPage,
  UnfinishedRun,
} from "../../domain/run.ts";
import { applyPatches } from "../../domain/state-patch.ts";

/** A run as its own row has it, without what was logged since. */
interface RunRow extends Omit<RunRecord, "pausedAtMs"> {
  readonly pausedAtMs: number | null;
  readonly intents: string;
  /** Id of the log row of the step that wrote the whole state. */
  readonly logged: number;
}

/** A run's state of now, where patches were logged since its row was written. */
export type PatchedState = Pick<RunRecord, "sequence" | "snapshot" | "updatedAtMs"> & {
  readonly intents: readonly Intent[];
  readonly logged: number;
};

const RUN = `select id, space, machine, version, hash, state, sequence, fence, owner, snapshot,
  created_at as createdAtMs, updated_at as updatedAtMs, cancel_requested_at as cancelRequestedAtMs, parked,
  paused_at as pausedAtMs, intents, logged`;

/** Of the newest machine event: notes may have come after it. */
export const LAST_SEQUENCE = `(select sequence from events where run = runs.id and sequence is not null
  order by id desc limit 1)`;

/** Runs as they are now: what their rows say, and what their newest steps changed since these were written. */
function runStates(db: Database) {
  const row = db.prepare<[string], RunRow>(`${RUN} from runs where id = ?`);
  const patches = db.prepare<[string, number], { id: number; sequence: number; at: number; patch: string }>(
    `select id, sequence, at, patch from events
     where run = ? and id > ? and sequence is not null and patch is not null order by id`,
  );

  function stateOf({ id, state, snapshot, intents, logged: since }: RunRow): PatchedState | null {
    const steps = state === "active" ? patches.all(id, since) : [];
    const last = steps.at(-1);
    if (last === undefined) return null;
    const { sequence, at: updatedAtMs, id: logged } = last;
    const whole = { snapshot, intents: JSON.parse(intents) as readonly Intent[] };
    const changes = steps.map(({ patch }) => patch);
    return { ...applyPatches(whole, changes), sequence, updatedAtMs, logged };
  }

  function runOf(of: RunRow): RunRecord {
    const patched = stateOf(of);
    const { intents: _, logged: __, pausedAtMs, ...kept } = of;
    const record = pausedAtMs === null ? kept : { ...kept, pausedAtMs };
    if (patched === null) return record;
    const { sequence, snapshot, updatedAtMs } = patched;
    return { ...record, sequence, snapshot, updatedAtMs };
  }

  return {
    runOf,
    run: (id: string): RunRecord | null => {
      const found = row.get(id);
      return found === undefined ? null : runOf(found);
    },
    /** Null where the run's row says it all. */
    patched: (id: string): PatchedState | null => {
      const found = row.get(id);
      return found === undefined ? null : stateOf(found);
    },
    openIntents: (id: string): readonly Intent[] => {
      const found = row.get(id);
      if (found === undefined) return [];
      return stateOf(found)?.intents ?? (JSON.parse(found.intents) as readonly Intent[]);
    },
  };
}

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

function lineOf(row: Row<LogRow>): LogRow {
  if (row.actor === null) delete row.actor;
  return row as LogRow;
}

/** What is read of runs, also by steps of a transaction. */
export interface RunQueries {
  run(id: string): RunRecord | null;
  runs(filter: RunFilter): readonly RunRecord[];
  /** Null where the run's row says it all. */
  patched(id: string): PatchedState | null;
  loggedAt(run: string, sequence: number): (LogRow & { patch: string | null }) | null;
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
  unfinished(page: UnfinishedPage): readonly UnfinishedRun[];
}

function readsOf(db: Database) {
  const logged = db.prepare<[string, number], LogRow & { patch: string | null }>(
    `select id, run, sequence, at as atMs, type, value, data, patch from events
     where run = ? and sequence = ? order by id limit 1`,
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
  const unfinished = db.prepare<UnfinishedPage, UnfinishedRun>(
    `${UNFINISHED} and id > @after order by id limit @limit`,
  );
  const unfinishedOf = db.prepare<UnfinishedPage, UnfinishedRun>(
    `${UNFINISHED} and space = @space and id > @after order by id limit @limit`,
  );
  const toCancel = db
    .prepare<[string], string>(
      "select id from runs where owner = ? and cancel_requested_at is not null and state = 'active' order by id",
    )
    .pluck();
  return {
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
    unfinished,
    unfinishedOf,
    toCancel,
  };
}

export function runQueries(db: Database): RunQueries {
  const states = runStates(db);
  const {
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
    unfinished,
    unfinishedOf,
    toCancel,
  } = readsOf(db);
  return {
    run: states.run,
    patched: states.patched,
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
      const rows = db.prepare<object, RunRow>(`${RUN} from ${from} ${where} order by id desc limit @limit`);
      const lists = {
        statuses: JSON.stringify(filter.statuses ?? []),
        machines: JSON.stringify(filter.machines ?? []),
      };
      return rows.all({ ...filter, ...lists }).map(states.runOf);
    },
    loggedAt: (id, sequence) => logged.get(id, sequence) ?? null,
    log: ({ run: of, after, limit }) =>
      (of === undefined ? logOfAll.all(after, limit) : logOfRun.all(of, after, limit)).map(lineOf),
    tail: ({ run: of, before = Number.MAX_SAFE_INTEGER, limit }) =>
      (of === undefined ? tailOfAll.all(before, limit) : tailOfRun.all(of, before, limit))
        .reverse()
        .map(lineOf),
    steps: ({ run: of, to }) => steps.all(of, to).map(lineOf),
    tally: ({ space }) =>
      (space === undefined ? tally.all() : tallyOfSpace.all({ space })).filter(({ count }) => count > 0),
    openIntents: states.openIntents,
    actors: (of) =>
      actors.all(of).map((row) => ({ ...row, intents: JSON.parse(row.intents) as readonly Intent[] })),
    messages: ({ run: of, actor, limit }) => messages.all(of, actor, limit).reverse().map(lineOf),
    signal: (id) => signal.get(id) ?? null,
    signalOf: (of, key) => signalByKey.get(of, key) ?? null,
    inbox: (owner) => ({ signals: openSignals.all(owner), paused: paused.all(owner) }),
    toCancel: (owner) => toCancel.all(owner),
    unfinished: ({ space, after = "", limit }) =>
      (space === undefined ? unfinished : unfinishedOf).all({ space: space ?? "", after, limit }),
  };
}
