import { nextTick } from "node:process";
import { setImmediate } from "node:timers";
import { type CommitRequest, type NewRun, statusOf } from "../../domain/run.ts";
import type { Database, Query } from "./database.ts";
import { FIRST_ID, ROWS_OF_TRANSACTION } from "./log.ts";
import { judgeError } from "./patience.ts";

/** What goes into one statement with others: a run's creation, its next step, or a note on it. */
export type Member =
  | { readonly kind: "create"; readonly run: NewRun; readonly step: CommitRequest }
  | { readonly kind: "step"; readonly step: CommitRequest }
  | {
      readonly kind: "note";
      readonly run: string;
      readonly atMs: number;
      readonly type: string;
      readonly data: string;
    };

/** The id of its first row in the log; null: the guard did not hold, and nothing was written. */
export type Written = number | null;

export interface Group {
  /** Resolves once it is committed. No two of one run may be under way at the same time. */
  write(member: Member): Promise<Written>;
}

interface Waiting {
  readonly member: Member;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
}

/** Steps that are in one statement: more would make it late for the timers of the process. */
const LIMIT = 256;

/**
 * Statements under way at once: while one waits for the disk the next is collected and sent. More would make each
 * smaller, and the disk is what takes time.
 */
const STATEMENTS = 2;

/**
 * After so many statements of one member nobody is waited for any more. Every so many it still waits for the turn to end,
 * where others would speak.
 */
const LONELY_STATEMENTS = 16;

/**
 * All that steps in one turn of the event loop is one statement: one round trip, one transaction, one wait for the disk.
 * A member that the database refuses (not one whose guard fails) is found by writing each alone.
 */
export function groupWriter(db: Database): Group {
  let queue: Waiting[] = [];
  let underWay = 0;
  let isScheduled = false;
  /** How many statements in a row had one member alone. */
  let lonely = 0;

  function schedule(): void {
    if (isScheduled || queue.length === 0 || underWay >= STATEMENTS) return;
    isScheduled = true;
    if (lonely < LONELY_STATEMENTS || lonely % LONELY_STATEMENTS === 0) setImmediate(flush);
    else nextTick(flush);
  }

  function flush(): void {
    isScheduled = false;
    const group = takeGroup();
    if (group.length === 0) return;
    lonely = group.length === 1 ? lonely + 1 : 0;
    underWay += 1;
    void send(group).finally(() => {
      underWay -= 1;
      schedule();
    });
    schedule();
  }

  function takeGroup(): readonly Waiting[] {
    let rows = 0;
    const end = queue.findIndex(({ member }, at) => {
      rows += rowsOf(member);
      return at > 0 && (at >= LIMIT || rows >= ROWS_OF_TRANSACTION);
    });
    const taken = queue.slice(0, end === -1 ? queue.length : end);
    queue = queue.slice(taken.length);
    return taken;
  }

  async function send(group: readonly Waiting[]): Promise<void> {
    try {
      const written = await db.retry((query, attempt) =>
        writeAll(
          query,
          group.map(({ member }) => member),
          attempt,
        ),
      );
      for (const [at, { resolve }] of group.entries()) resolve(written[at] ?? null);
    } catch (error) {
      const cause = (error as { cause?: unknown }).cause;
      const isRefused = group.length > 1 && cause !== undefined && !judgeError(cause).isPassing;
      if (isRefused) await Promise.all(group.map((one) => send([one])));
      else for (const { reject } of group) reject(error);
    }
  }

  return {
    write: (member) =>
      new Promise((resolve, reject) => {
        queue.push({ member, resolve, reject });
        schedule();
      }),
  };
}

export function rowsOf(member: Member): number {
  return member.kind === "note" ? 1 : 1 + (member.step.messages?.length ?? 0);
}

/** The columns of `asked`, in the order in which they are handed over. */
const ASKED = [
  ["kind", "text"],
  ["run", "text"],
  ["fence", "bigint"],
  ["sequence", "integer"],
  ["at", "bigint"],
  ["type", "text"],
  ["value", "text"],
  ["data", "text"],
  ["actor", "text"],
  ["patch", "text"],
  ["state", "text"],
  ["status", "text"],
  ["snapshot", "text"],
  ["intents", "text"],
] as const;

const CREATED = [
  ["space", "text"],
  ["machine", "text"],
  ["version", "text"],
  ["hash", "text"],
  ["owner", "text"],
  ["created_at", "bigint"],
] as const;

const STEPPED = `stepped as (
  update slowwave.runs set sequence = asked.sequence, updated_at = asked.at, state = asked.state,
    status = asked.status, snapshot = coalesce(asked.snapshot, runs.snapshot),
    intents = coalesce(asked.intents, runs.intents),
    logged = case when asked.snapshot is null then runs.logged else ${FIRST_ID} + ${ROWS_OF_TRANSACTION - 1} end
  from asked where asked.kind = 'step' and runs.id = asked.run and runs.fence = asked.fence
    and runs.sequence = asked.sequence - 1 and runs.state = 'active'
  returning asked.place)`;

const MADE = `made as (
  insert into slowwave.runs (id, space, machine, version, hash, owner, created_at, state, status, sequence, fence,
    snapshot, updated_at, intents, logged)
  select run, space, machine, version, hash, owner, created_at, state, status, sequence, fence, snapshot, at, intents,
    ${FIRST_ID} + ${ROWS_OF_TRANSACTION - 1}
  from asked where kind = 'create' on conflict (id) do nothing returning id)`;

/** A note that is written again, since the answer to the first try was lost, finds the first one. */
const NOTED = `select place from asked join slowwave.runs on runs.id = asked.run where kind = 'note'`;
const NOT_NOTED = `and not exists (select 1 from slowwave.events where events.run = asked.run
  and events.sequence is null and events.at = asked.at and events.type = asked.type and events.data = asked.data)`;

interface Shape {
  readonly creates: boolean;
  readonly steps: boolean;
  readonly notes: boolean;
  readonly isRepeated: boolean;
  /** Messages, actors or signals. */
  readonly hasMore: boolean;
}

const statements = new Map<string, string>();

function statementOf(shape: Shape): string {
  const key = JSON.stringify(shape);
  const known = statements.get(key);
  if (known !== undefined) return known;
  const columns = [...ASKED, ...(shape.creates ? CREATED : [])];
  const asked = unnest(columns, 0, "asked", "place");
  const done = [
    ...(shape.steps ? ["select place from stepped"] : []),
    ...(shape.creates
      ? ["select place from made join asked on asked.run = made.id and asked.kind = 'create'"]
      : []),
    ...(shape.notes ? [`${NOTED} ${shape.isRepeated ? NOT_NOTED : ""}`] : []),
  ];
  const message = [
    ["place", "bigint"],
    ["actor", "text"],
    ["type", "text"],
    ["value", "text"],
    ["data", "text"],
  ] as const;
  const own = `select place, 0::bigint as part, run, case when kind = 'note' then null else sequence end as sequence, at,
      type, value, data, actor, patch from asked join done using (place)`;
  const messages = `select place, message.part, asked.run, asked.sequence, asked.at, message.type, message.value,
      message.data, message.actor, null from message join asked using (place) join done using (place)`;
  const parts = [
    asked,
    ...(shape.hasMore ? [unnest(message, columns.length, "message", "part")] : []),
    ...(shape.steps ? [STEPPED] : []),
    ...(shape.creates ? [MADE] : []),
    `done as (${done.join(" union all ")})`,
    `lines as (${own}${shape.hasMore ? ` union all ${messages}` : ""})`,
    `numbered as (select lines.*, ${FIRST_ID} - 1 + row_number() over (order by place, part) as id from lines)`,
    `logged as (insert into slowwave.events (id, run, sequence, at, type, value, data, actor, patch)
      select id, run, sequence, at, type, value, data, actor, patch from numbered)`,
    ...(shape.hasMore ? moreOf(columns.length + message.length) : []),
  ];
  const sql = `with ${parts.join(",\n")}\nselect place, min(id) as id from numbered group by place`;
  statements.set(key, sql);
  return sql;
}

/** Child actors that began, changed or are over, and signals that were taken in. */
function moreOf(from: number): readonly string[] {
  const put = [
    ["place", "bigint"],
    ["key", "text"],
    ["snapshot", "text"],
    ["intents", "text"],
    ["anew", "boolean"],
  ] as const;
  const key = [
    ["place", "bigint"],
    ["key", "text"],
  ] as const;
  const signal = [
    ["place", "bigint"],
    ["id", "bigint"],
  ] as const;
  return [
    unnest(put, from, "put"),
    unnest(key, from + put.length, "over"),
    unnest(signal, from + put.length + key.length, "taken"),
    `removed as (delete from slowwave.run_actors using over join asked using (place) join done using (place)
      where run_actors.run = asked.run and run_actors.key = over.key)`,
    `kept as (insert into slowwave.run_actors (run, key, begun, snapshot, intents)
      select asked.run, put.key, asked.sequence, put.snapshot, put.intents
      from put join asked using (place) join done using (place)
      on conflict (run, key) do update set snapshot = excluded.snapshot, intents = excluded.intents,
        begun = case when exists (select 1 from put join asked using (place)
          where put.anew and asked.run = run_actors.run and put.key = run_actors.key)
          then excluded.begun else run_actors.begun end)`,
    `handled as (update slowwave.signals set state = 'handled', sequence = asked.sequence
      from taken join asked using (place) join done using (place)
      where signals.id = taken.id and signals.run = asked.run and signals.state = 'open')`,
  ];
}

function unnest(
  columns: readonly (readonly [string, string])[],
  from: number,
  name: string,
  ordinality?: string,
): string {
  const arrays = columns.map(([, type], at) => `$${from + at + 1}::${type}[]`).join(", ");
  const names = columns.map(([column]) => column);
  return `${name} as materialized (select * from unnest(${arrays}) ${ordinality === undefined ? "" : "with ordinality"}
    as ${name} (${[...names, ...(ordinality === undefined ? [] : [ordinality])].join(", ")}))`;
}

/**
 * A step that is alone, as each is of a run that nobody runs beside: the same as the statement for many says, without its
 * arrays and joins, which take the server three times as long as the row that is changed and the one that is added.
 */
const LONE_STEP = `with stepped as (
  update slowwave.runs set sequence = $3, updated_at = $4, state = $10, status = $11,
    snapshot = coalesce($12, snapshot), intents = coalesce($13, intents),
    logged = case when $12::text is null then logged else ${FIRST_ID} + ${ROWS_OF_TRANSACTION - 1} end
  where id = $1 and fence = $2 and sequence = $3::integer - 1 and state = 'active' returning id)
insert into slowwave.events (id, run, sequence, at, type, value, data, actor, patch)
select ${FIRST_ID}, id, $3, $4, $5, $6, $7, $8, $9 from stepped returning id`;

/** One statement; how it went with each, in their order. */
async function writeAll(
  query: Query,
  members: readonly Member[],
  attempt: number,
): Promise<readonly Written[]> {
  const [first] = members;
  if (members.length === 1 && first?.kind === "step" && !hasMore(first.step)) {
    // The columns of `asked` but the kind, in its order.
    const { rows } = await query<{ id: number }>(LONE_STEP, rowOf(first).slice(1));
    return [rows[0]?.id ?? null];
  }
  const steps = members.map((member) => (member.kind === "note" ? null : member.step));
  const shape: Shape = {
    creates: members.some(({ kind }) => kind === "create"),
    steps: members.some(({ kind }) => kind === "step"),
    notes: members.some(({ kind }) => kind === "note"),
    isRepeated: attempt > 0,
    hasMore: steps.some((step) => step !== null && hasMore(step)),
  };
  const rows = members.map(rowOf);
  const values: unknown[] = ASKED.map((_, at) => rows.map((row) => row[at]));
  if (shape.creates) {
    const made = members.map((member) => (member.kind === "create" ? createdOf(member.run) : []));
    values.push(...CREATED.map((_, at) => made.map((row) => row[at] ?? null)));
  }
  if (shape.hasMore) values.push(...moreValues(steps));
  const answer = await query<{ place: number; id: number }>(statementOf(shape), values);
  const ids = new Map(answer.rows.map(({ place, id }) => [place - 1, id]));
  return members.map((_, at) => ids.get(at) ?? null);
}

function hasMore({ messages, actors, removed, signals }: CommitRequest): boolean {
  return [messages, actors, removed, signals].some((list) => list !== undefined && list.length > 0);
}

function rowOf(member: Member): readonly unknown[] {
  if (member.kind === "note") {
    const { run, atMs, type, data } = member;
    return ["note", run, null, null, atMs, type, null, data, null, null, null, null, null, null];
  }
  const { kind, step } = member;
  const patch = kind === "step" && step.state === "active" ? (step.patch ?? null) : null;
  const isWhole = patch === null;
  return [
    kind,
    step.run,
    step.fence,
    step.sequence,
    step.atMs,
    step.eventType,
    step.value,
    step.event,
    step.actor ?? null,
    patch,
    step.state,
    step.state === "active" ? null : statusOf(step),
    isWhole ? step.snapshot : null,
    isWhole ? JSON.stringify(step.intents) : null,
  ];
}

function createdOf({ space, machine, version, hash, owner, createdAtMs }: NewRun): readonly unknown[] {
  return [space, machine, version, hash, owner, createdAtMs];
}

function moreValues(steps: readonly (CommitRequest | null)[]): readonly unknown[] {
  const placed = steps.flatMap((step, at) => (step === null ? [] : [{ step, place: at + 1 }]));
  const messages = placed.flatMap(({ step, place }) =>
    (step.messages ?? []).map(({ actor, type, value, event }) => [place, actor, type, value, event]),
  );
  const actors = placed.flatMap(({ step, place }) =>
    (step.actors ?? []).map(({ key, snapshot, intents }) => {
      const isAnew = step.removed?.includes(key) ?? false;
      return [place, key, snapshot, JSON.stringify(intents), isAnew];
    }),
  );
  const removed = placed.flatMap(({ step, place }) => {
    const put = new Set(step.actors?.map(({ key }) => key));
    return (step.removed ?? []).filter((key) => !put.has(key)).map((key) => [place, key]);
  });
  const signals = placed.flatMap(({ step, place }) => (step.signals ?? []).map((id) => [place, id]));
  return [
    ...columnsOf(messages, 5),
    ...columnsOf(actors, 5),
    ...columnsOf(removed, 2),
    ...columnsOf(signals, 2),
  ];
}

function columnsOf(rows: readonly (readonly unknown[])[], count: number): readonly unknown[] {
  return Array.from({ length: count }, (_, at) => rows.map((row) => row[at]));
}
