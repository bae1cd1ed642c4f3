import type {
  ActorRow,
  Intent,
  LogRow,
  RunFilter,
  RunRecord,
  RunStore,
  RunTally,
  Signal,
  UnfinishedRun,
} from "../../domain/run.ts";
import { applyPatches } from "../../domain/state-patch.ts";
import type { Database, Query } from "./database.ts";

/** A run as its own row has it, with the patches of the steps since. */
interface RunRow extends Omit<RunRecord, "pausedAtMs"> {
  readonly pausedAtMs: number | null;
  readonly intents: string;
  readonly patches: readonly string[] | null;
}

const RUN = `select id, space, machine, version, hash, state, sequence, fence, owner, snapshot, intents,
  created_at as "createdAtMs", updated_at as "updatedAtMs", cancel_requested_at as "cancelRequestedAtMs",
  paused_at as "pausedAtMs", parked,
  case when state = 'active' then
    (select array_agg(patch order by events.id) from slowwave.events
     where events.run = runs.id and events.id > runs.logged and patch is not null) end as patches
  from slowwave.runs`;

export const LOG = `select id, run, sequence, at as "atMs", type, value, data, actor from slowwave.events`;

const SIGNAL = `select signals.id, signals.run, signals.key, signals.event, signals.at as "atMs", signals.state,
  signals.sequence from slowwave.signals`;

/** A run as it is now, and its open intents. */
export interface RunState {
  readonly run: RunRecord;
  readonly intents: readonly Intent[];
}

function stateOf({ intents: text, patches, pausedAtMs, ...row }: RunRow): RunState {
  const kept = pausedAtMs === null ? row : { ...row, pausedAtMs };
  const intents = JSON.parse(text) as readonly Intent[];
  if (patches === null) return { run: kept, intents };
  const now = applyPatches({ snapshot: row.snapshot, intents }, patches);
  return { run: { ...kept, snapshot: now.snapshot }, intents: now.intents };
}

export async function readState(query: Query, run: string): Promise<RunState | null> {
  const row = (await query<RunRow>(`${RUN} where id = $1`, [run])).rows[0];
  return row === undefined ? null : stateOf(row);
}

/** A line as PostgreSQL gives it: the actor that is not there is null. */
type Line = Omit<LogRow, "actor"> & { readonly actor: string | null };

export function lineOf({ actor, ...row }: Line): LogRow {
  return actor === null ? row : { ...row, actor };
}

/** The log row of a step, with its patch. */
export async function loggedAt(
  query: Query,
  run: string,
  sequence: number,
): Promise<(Line & { readonly patch: string | null }) | null> {
  const { rows } = await query<Line & { readonly patch: string | null }>(
    `select id, run, sequence, at as "atMs", type, value, data, actor, patch from slowwave.events
     where run = $1 and sequence = $2 order by id limit 1`,
    [run, sequence],
  );
  return rows[0] ?? null;
}

export async function readSignal(query: Query, id: number): Promise<Signal | null> {
  return (await query<Signal>(`${SIGNAL} where id = $1`, [id])).rows[0] ?? null;
}

export async function signalOf(query: Query, run: string, key: string): Promise<Signal | null> {
  return (await query<Signal>(`${SIGNAL} where run = $1 and key = $2`, [run, key])).rows[0] ?? null;
}

export function runReads(
  db: Database,
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
  | "steps"
  | "tally"
> {
  const { query } = db;
  return {
    read: async (run) => (await readState(query, run))?.run ?? null,
    list: async (filter) => {
      const { where, values } = conditionsOf(filter);
      const sql = `${RUN} where ${where} order by id desc limit $1`;
      return (await query<RunRow>(sql, values)).rows.map((row) => stateOf(row).run);
    },
    unfinished: async ({ space, after = "", limit }) => {
      const { rows } = await query<UnfinishedRun>(
        `select id, space, owner from slowwave.runs
         where state = 'active' and id > $2 and ($1::text is null or space = $1) order by id limit $3`,
        [space, after, limit],
      );
      return rows;
    },
    openIntents: async (run) => (await readState(query, run))?.intents ?? [],
    actors: async (run) => {
      const { rows } = await query<Omit<ActorRow, "intents"> & { readonly intents: string }>(
        "select key, snapshot, intents from slowwave.run_actors where run = $1 order by begun, key",
        [run],
      );
      return rows.map((row) => ({ ...row, intents: JSON.parse(row.intents) as readonly Intent[] }));
    },
    messages: async ({ run, actor, limit }) => {
      const sql = `${LOG} where run = $1 and actor = $2 order by id desc limit $3`;
      return (await query<Line>(sql, [run, actor, limit])).rows.map(lineOf).reverse();
    },
    readSignal: (id) => readSignal(query, id),
    inbox: async (owner) => {
      // One statement, as it is asked each second of every process.
      const { rows } = await query<Signal & { readonly paused: string | null }>(
        `select open.*, null as paused from (${SIGNAL} join slowwave.runs on runs.id = signals.run
           where signals.state = 'open' and runs.owner = $1 and runs.state = 'active'
           order by signals.id limit 1000) open
         union all select null, null, null, null, null, null, null, id from slowwave.runs
           where owner = $1 and state = 'active' and paused_at is not null`,
        [owner],
      );
      return {
        signals: rows
          .filter(({ paused }) => paused === null)
          .map(({ paused: _, ...signal }) => signal)
          .sort((a, b) => a.id - b.id),
        paused: rows.flatMap(({ paused }) => (paused === null ? [] : [paused])),
      };
    },
    cancelRequests: async (owner) => {
      const { rows } = await query<{ id: string }>(
        `select id from slowwave.runs
         where owner = $1 and state = 'active' and cancel_requested_at is not null order by id`,
        [owner],
      );
      return rows.map(({ id }) => id);
    },
    steps: async ({ run, to }) => {
      const sql = `${LOG} where run = $1 and sequence between 0 and $2 order by id`;
      return (await query<Line>(sql, [run, to])).rows.map(lineOf);
    },
    tally: async ({ space }) => {
      const { rows } = await query<RunTally>(
        `select state, null as status, count(*) from slowwave.runs
           where state = 'active' and ($1::text is null or space = $1) group by state
         union all select state, status, count(*) from slowwave.runs
           where state <> 'active' and ($1::text is null or space = $1) group by state, status`,
        [space],
      );
      return rows;
    },
  };
}

function conditionsOf(filter: RunFilter): { readonly where: string; readonly values: readonly unknown[] } {
  const tests = ["true"];
  const values: unknown[] = [filter.limit];
  const add = (test: (parameter: string) => string, value: unknown) => {
    if (value === undefined) return;
    values.push(value);
    tests.push(test(`$${values.length}`));
  };
  add((space) => `space = ${space}`, filter.space);
  // Said in so many words, or the index of active runs cannot be used.
  if (filter.state === "active") tests.push("state = 'active'");
  else add((state) => `state = ${state}`, filter.state);
  add((machines) => `machine = any (${machines}::text[])`, filter.machines);
  add((before) => `id < ${before}`, filter.before);
  add(
    (statuses) => `state <> 'active' and coalesce(status, '') = any (${statuses}::text[])`,
    filter.statuses?.map((status) => status ?? ""),
  );
  return { where: tests.join(" and "), values };
}

export type { Line };
