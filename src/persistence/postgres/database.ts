import { createHash } from "node:crypto";
import { databaseError, isCut, patiently } from "./patience.ts";

/** What of the package `pg` is used; written down here so that the public types need none of its own. */
export interface SqlStatement {
  readonly text: string;
  readonly values: unknown[];
  readonly types: { getTypeParser(oid: number, format?: string): unknown };
  readonly query_timeout: number;
  readonly name?: string;
}

export interface SqlResult {
  readonly rows: unknown[];
  readonly rowCount: number | null;
}

export interface SqlClient {
  query(statement: SqlStatement): Promise<SqlResult | readonly SqlResult[]>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "notification", listener: (message: { channel: string }) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** The server's process, as it said itself when the connection was made; a pooler says another number. */
  readonly processID?: number | null;
  /** Back into the pool; with an error it is closed instead. */
  release(error?: Error | boolean): void;
}

/** A pool of the package `pg`, version 8. */
export interface PostgresPool {
  connect(): Promise<SqlClient>;
  end(): Promise<void>;
}

/** `timeoutMs`: a server that has not answered after so long is taken for cut off. Default: half a minute. */
export type Query = <Row = Record<string, unknown>>(
  sql: string,
  values?: readonly unknown[],
  timeoutMs?: number,
) => Promise<{ readonly rows: readonly Row[]; readonly count: number }>;

/**
 * The one way to the database, shared by all ports. Statements name tables as `slowwave.jobs`, whatever the schema is
 * called. Everything is repeated while what goes wrong passes by itself, for `patienceMs`.
 */
export interface Database {
  /** Server and database in words, without a password. */
  readonly place: string;
  readonly schema: string;
  readonly quotedSchema: string;
  /** Whether connections are sessions of the server's: with a pooler in transaction mode between they are not. */
  readonly hasSessions: boolean;
  /** One statement, committed when this resolves. Repeated, it must find its own trace. */
  readonly query: Query;
  /** The same, for a statement that is another one when it is repeated. */
  retry<T>(work: (query: Query, attempt: number) => Promise<T>): Promise<T>;
  /**
   * One transaction (read committed). `locks` are held to its end, taken before anything is read; always in the order
   * given, so that two transactions can't wait for each other.
   */
  transaction<T>(
    work: (query: Query, attempt: number) => Promise<T>,
    options?: { readonly locks?: readonly (Lock | null)[]; readonly isReadOnly?: boolean },
  ): Promise<T>;
  /** A connection of its own until it is closed or lost. Not repeated. */
  session(on: { lost(): void; notified(channel: string): void }): Promise<Session>;
  /** Finishes what was asked for; everything later is refused with `store_closed`. */
  close(): Promise<void>;
}

export interface Session {
  readonly query: Query;
  close(): void;
}

/** A lock that a transaction holds to its end, shared with others or not. */
export interface Lock {
  readonly key: string;
  readonly isShared: boolean;
}

/** What has the same name is locked together, in one schema. */
export function lockOf(schema: string, name: string, isShared = false): Lock {
  const digest = createHash("sha256").update(`slowwave\0${schema}\0${name}`).digest();
  return { key: digest.readBigInt64BE().toString(), isShared };
}

export interface DatabaseOptions {
  readonly pool: PostgresPool;
  readonly getTypeParser: (oid: number, format?: string) => unknown;
  readonly place: string;
  readonly schema: string;
  readonly patienceMs: number;
  /** Whether connections are sessions of the server's. False: a pooler gives each transaction another one. */
  readonly hasSessions: boolean;
}

const INT8 = 20;
const INT8_ARRAY = 1016;

/** Puts statements to a connection: in the store's schema, with values as the database can hold them. */
function statements(options: DatabaseOptions, quotedSchema: string) {
  const named = new Map<string, string>();
  const types = {
    getTypeParser: (oid: number, format?: string) => {
      // Ids and times stay far below 2 ** 53.
      if (oid === INT8) return Number;
      if (oid === INT8_ARRAY)
        return (text: string) => text.slice(1, -1).split(",").filter(Boolean).map(Number);
      return options.getTypeParser(oid, format);
    },
  };

  function inSchema(sql: string): string {
    const known = named.get(sql);
    if (known !== undefined) return known;
    // A setting's name in quotes is none of ours.
    const text = sql.replace(/(?<![\w'"])slowwave\./g, () => `${quotedSchema}.`);
    if (named.size < NAMED_LIMIT) named.set(sql, text);
    return text;
  }

  return (client: Pick<SqlClient, "query">): Query =>
    async (sql, values = [], timeoutMs = Math.min(options.patienceMs, LONGEST_ANSWER_MS)) => {
      const text = inSchema(sql);
      const answer = await client.query({
        text,
        values: values.map(encoded),
        types,
        query_timeout: Math.max(timeoutMs, SHORTEST_TIMEOUT_MS),
        ...(values.length > 0 && options.hasSessions ? { name: nameOf(text) } : {}),
      });
      const { rows, rowCount } = (Array.isArray(answer) ? answer.at(-1) : answer) as SqlResult;
      for (const row of rows) decode(row as Record<string, unknown>);
      return { rows: rows as never, count: rowCount ?? 0 };
    };
}

export function openDatabase(options: DatabaseOptions): Database {
  const { pool, place, schema, patienceMs } = options;
  const quotedSchema = `"${schema.replaceAll('"', '""')}"`;
  const queryOn = statements(options, quotedSchema);
  let isClosed = false;
  let underWay = 0;
  let onIdle: (() => void) | null = null;

  async function guarded<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    if (isClosed) throw databaseError("store_closed", place);
    underWay += 1;
    try {
      return await patiently(work, { place, patienceMs });
    } finally {
      underWay -= 1;
      if (underWay === 0) onIdle?.();
    }
  }

  /** A connection of the pool, which goes back into it whole or not at all. */
  async function borrowed<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let failure: unknown = null;
    // Without a listener a connection that breaks between two statements would end the process.
    const listener = (error: Error) => {
      failure = error;
    };
    client.on("error", listener);
    try {
      return await work(queryOn(client));
    } catch (error) {
      if (isCut(error)) failure ??= error;
      throw error;
    } finally {
      client.removeListener("error", listener);
      client.release(failure !== null);
    }
  }

  return {
    place,
    schema,
    quotedSchema,
    hasSessions: options.hasSessions,
    query: (sql, values, timeoutMs) =>
      guarded(() => borrowed((query) => query(sql, values, timeoutMs))) as never,
    retry: (work) => guarded((attempt) => borrowed((query) => work(query, attempt))),
    transaction: (work, { locks = [], isReadOnly = false } = {}) =>
      guarded((attempt) =>
        borrowed(async (query) => {
          const mode = isReadOnly
            ? "isolation level repeatable read read only"
            : "isolation level read committed";
          await query([`begin ${mode}`, ...locks.flatMap(lockStatement)].join("; "));
          try {
            const value = await work(query, attempt);
            await query("commit");
            return value;
          } catch (error) {
            // A connection that was cut is closed, and with it the transaction.
            if (!isCut(error)) await query("rollback").catch(() => {});
            throw error;
          }
        }),
      ),
    session: async ({ lost, notified }) => {
      if (isClosed) throw databaseError("store_closed", place);
      const client = await pool.connect();
      let isOpen = true;
      const end = (isLost: boolean) => {
        if (!isOpen) return;
        isOpen = false;
        client.release(true);
        if (isLost) lost();
      };
      client.on("error", () => end(true));
      client.on("end", () => end(true));
      client.on("notification", ({ channel }) => notified(channel));
      return { query: oneByOne(queryOn(client)), close: () => end(false) };
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      if (underWay > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    },
  };
}

/** A connection takes one statement at a time. */
function oneByOne(query: Query): Query {
  let last: Promise<unknown> = Promise.resolve();
  return (...asked) => {
    const mine = last.then(() => query(...asked));
    last = mine.catch(() => {});
    return mine as never;
  };
}

const SHORTEST_TIMEOUT_MS = 1_000;
const LONGEST_ANSWER_MS = 30_000;

/** For what goes through whole tables. */
export const LONG_WORK_MS = 3_600_000;

/** Statements that are remembered under their schema; those that are put together from parts are few. */
const NAMED_LIMIT = 500;

const statementNames = new Map<string, string>();

/** What a prepared statement is known by in its session, which stores with other schemas may share. */
function nameOf(sql: string): string {
  const known = statementNames.get(sql);
  if (known !== undefined) return known;
  const name = `slowwave_${createHash("sha256").update(sql).digest("hex").slice(0, 24)}`;
  if (statementNames.size < NAMED_LIMIT) statementNames.set(sql, name);
  return name;
}

function lockStatement(lock: Lock | null): readonly string[] {
  if (lock === null) return [];
  return [`select pg_advisory_xact_lock${lock.isShared ? "_shared" : ""}(${lock.key})`];
}

/**
 * A text column can't hold U+0000, which an owner's id or an actor's key may. It goes in as two characters, of which the
 * first is doubled where it stands for itself, so that what differs stays different.
 */
const ESCAPE = "\u0010";

function encoded(value: unknown): unknown {
  if (typeof value === "string") return encodeText(value);
  if (Array.isArray(value)) return value.map(encoded);
  return value === undefined ? null : value;
}

function encodeText(text: string): string {
  if (!text.includes("\0") && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, ESCAPE + ESCAPE).replaceAll("\0", `${ESCAPE}0`);
}

function decode(row: Record<string, unknown>): void {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value === "string" && value.includes(ESCAPE)) row[column] = decodeText(value);
    else if (Array.isArray(value))
      row[column] = value.map((one: unknown) => (typeof one === "string" ? decodeText(one) : one));
  }
}

function decodeText(text: string): string {
  return text.replace(/\u0010([\u00100])/g, (_, mark: string) => (mark === "0" ? "\0" : ESCAPE));
}

/** Does what is asked under one key in the order in which it was asked, and what concerns different keys side by side. */
export interface InOrder {
  one<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** After everything that was asked under any of these, and before what is asked later. */
  all<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
}

/** A pool of connections keeps no order by itself: what is asked first may be done last. */
export function inOrder(): InOrder {
  const last = new Map<string, Promise<unknown>>();

  function all<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => last.get(key) ?? []);
    // At once where nothing is under way, so that all that steps in one turn is written together.
    const mine = before.length === 0 ? work() : Promise.all(before).then(work);
    const settled = mine.then(nothing, nothing).then(() => {
      for (const key of keys) if (last.get(key) === settled) last.delete(key);
    });
    for (const key of keys) last.set(key, settled);
    return mine;
  }

  return { all, one: (key, work) => all([key], work) };
}

function nothing(): void {}
