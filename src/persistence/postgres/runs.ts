import {
  type CommitOutcome,
  type CommitRequest,
  judgeRepeated,
  namesOwnIntents,
  type RunRecord,
  type RunStore,
  statusOf,
} from "../../domain/run.ts";
import { type Database, type InOrder, inOrder, type Query } from "./database.ts";
import { type Group, groupWriter, type Member, rowsOf } from "./group.ts";
import { ROWS_OF_TRANSACTION, runLog } from "./log.ts";
import { databaseError } from "./patience.ts";
import { loggedAt, readSignal, readState, runReads, signalOf } from "./run-queries.ts";
import type { Watch } from "./watch.ts";

export function postgresRuns(db: Database, watching: Watch): RunStore {
  const group = groupWriter(db);
  const order = inOrder();
  return {
    ...runReads(db),
    ...runLog(db),
    ...stepsOf(db, group, order),
    ...ownersOf(db, order),
    ...leavingsOf(db, order, watching),
    ...redactionsOf(db),
    watch: async (listener, until) => watching.watch(listener, until),
  };
}

function stepsOf(db: Database, group: Group, order: InOrder): Pick<RunStore, "create" | "commit" | "note"> {
  async function write(member: Extract<Member, { step: CommitRequest }>): Promise<CommitOutcome> {
    const { step } = member;
    if (!namesOwnIntents(step) || rowsOf(member) >= ROWS_OF_TRANSACTION)
      throw databaseError("store_rejected", db.place);
    return (await group.write(member)) === null ? judge(db.query, step) : "ok";
  }
  return {
    create: (run, step) => order.one(step.run, () => write({ kind: "create", run, step })),
    commit: (step) => order.one(step.run, () => write({ kind: "step", step })),
    note: (run, { atMs, type, data: value }) =>
      order.one(run, async () => {
        const data = JSON.stringify(value) ?? "null";
        const written = await group.write({ kind: "note", run, atMs, type, data });
        if (written !== null) return written;
        // The first try was committed, and its answer lost.
        const { rows } = await db.query<{ id: number }>(
          `select id from slowwave.events where run = $1 and sequence is null and at = $2 and type = $3 and data = $4
           order by id desc limit 1`,
          [run, atMs, type, data],
        );
        const [found] = rows;
        if (found === undefined) throw databaseError("store_rejected", db.place);
        return found.id;
      }),
  };
}

/** What it was that stands where this was to go. */
async function judge(query: Query, request: CommitRequest): Promise<CommitOutcome> {
  const { run, sequence } = request;
  const state = await readState(query, run);
  return judgeRepeated(state?.run ?? null, await loggedAt(query, run, sequence), request);
}

/** The row of a run, which nobody else changes until the transaction ends, with its state of now. */
async function lockState(query: Query, run: string) {
  await query("select 1 from slowwave.runs where id = $1 for update", [run]);
  return readState(query, run);
}

/** Whose a run is. */
function ownersOf(db: Database, order: InOrder): Pick<RunStore, "takeOver" | "park"> {
  return {
    takeOver: (request) => order.one(request.run, () => db.transaction((query) => takeOver(query, request))),
    park: ({ run, fence, reason, nowMs }) =>
      order.one(run, () =>
        db.transaction(async (query) => {
          const state = await lockState(query, run);
          if (state === null || state.run.fence !== fence) return false;
          if (state.run.state === "parked") return state.run.parked === reason;
          if (state.run.state !== "active") return false;
          await query(
            `update slowwave.runs set state = 'parked', parked = $2, updated_at = $3, status = $4, snapshot = $5,
               intents = $6 where id = $1`,
            [run, reason, nowMs, statusOf(state.run), state.run.snapshot, JSON.stringify(state.intents)],
          );
          return true;
        }),
      ),
  };
}

async function takeOver(
  query: Query,
  { run: id, fence, owner, nowMs, as, isParked }: Parameters<RunStore["takeOver"]>[0],
): Promise<RunRecord | null> {
  const found = await lockState(query, id);
  if (found === null) return null;
  const { run, intents } = found;
  if (run.state === "active" && run.fence === fence + 1 && run.owner === owner) return run;
  const isFree = run.state === "active" || (isParked === true && run.state === "parked");
  if (!isFree || run.fence !== fence) return null;
  await query(
    `update slowwave.runs set state = 'active', parked = null, status = null, fence = fence + 1, owner = $2,
       updated_at = $3 where id = $1`,
    [id, owner, nowMs],
  );
  if (as !== undefined) {
    // A state of another version: what the log has of the former one is no part of it.
    await query(
      `update slowwave.runs set version = $2, hash = $3, snapshot = $4, intents = $5,
         logged = (select coalesce(max(id), logged) from slowwave.events where events.run = runs.id) where id = $1`,
      [id, as.version, as.hash, as.snapshot, JSON.stringify(intents)],
    );
  }
  return (await readState(query, id))?.run ?? null;
}

/** What any process may leave for a run: its owner hears of it. */
function leavingsOf(
  db: Database,
  order: InOrder,
  watching: Watch,
): Pick<RunStore, "signal" | "closeSignals" | "pause" | "requestCancel"> {
  const change = (run: string, sql: string, values: readonly unknown[]) =>
    order.one(run, () => watching.leave(async (query) => (await query(sql, [run, ...values])).count === 1));
  return {
    signal: ({ run, key, event, nowMs }) =>
      order.one(run, () =>
        watching.leave(async (query, attempt) => {
          const known = key === null ? null : await signalOf(query, run, key);
          if (known !== null) return known;
          // One that is left again, since the answer was lost, finds itself.
          const { rows } = await query<{ id: number }>(
            `with before as (select id from slowwave.signals
               where $5 and run = $1 and key is null and event = $3 and at = $4 limit 1),
             left_now as (insert into slowwave.signals (run, key, event, at) select $1, $2, $3, $4
               where exists (select 1 from slowwave.runs where id = $1 and state = 'active')
                 and not exists (select 1 from before)
               on conflict (run, key) where key is not null do nothing returning id)
             select id from before union all select id from left_now`,
            [run, key, event, nowMs, attempt > 0 && key === null],
          );
          const id = rows[0]?.id;
          if (id !== undefined) return readSignal(query, id);
          return key === null ? null : signalOf(query, run, key);
        }),
      ),
    closeSignals: ({ run, fence, ids }) =>
      order.one(run, async () => {
        const { rows } = await db.query(
          `with held as (select id from slowwave.runs where id = $1 and fence = $2 for share),
           closed as (update slowwave.signals set state = 'unhandled'
             where id = any ($3::bigint[]) and run in (select id from held) and state = 'open')
           select id from held`,
          [run, fence, ids],
        );
        return rows.length === 1;
      }),
    pause: ({ run, isPaused, nowMs }) =>
      change(run, "update slowwave.runs set paused_at = $2 where id = $1 and state = 'active'", [
        isPaused ? nowMs : null,
      ]),
    requestCancel: (run, nowMs) =>
      change(
        run,
        `update slowwave.runs set cancel_requested_at = coalesce(cancel_requested_at, $2)
         where id = $1 and state = 'active'`,
        [nowMs],
      ),
  };
}

/** A purge's rights. */
function redactionsOf(db: Database): Pick<RunStore, "dropPatches" | "redact"> {
  return {
    dropPatches: async () => {
      await db.query(
        `update slowwave.events set patch = null where patch is not null
           and exists (select 1 from slowwave.runs where runs.id = events.run and state <> 'active')`,
      );
    },
    redact: ({ rows, snapshot }) =>
      db.transaction(async (query) => {
        if (rows.length > 0) {
          await query(
            `update slowwave.events set data = asked.data from unnest($1::bigint[], $2::text[]) as asked (id, data)
             where events.id = asked.id`,
            [rows.map(({ id }) => id), rows.map(({ data }) => data)],
          );
        }
        if (snapshot !== null) {
          await query(
            "update slowwave.runs set snapshot = $2, status = $3 where id = $1 and state <> 'active'",
            [snapshot.run, snapshot.snapshot, statusOf(snapshot)],
          );
        }
      }),
  };
}
