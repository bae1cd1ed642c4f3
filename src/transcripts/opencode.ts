import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { codeOf } from "../domain/failure.ts";
import { Conversation } from "./conversation.ts";
import { speakersIn } from "./machine-made.ts";
import {
  type ListOptions,
  READ_LIMITS,
  type ReadLimits,
  type ReadOptions,
  type SessionFile,
  type TranscriptFile,
  type TranscriptReader,
  type Utterance,
} from "./reader.ts";
import {
  type Fields,
  jsonIn,
  listIn,
  objectIn,
  passOver,
  readingOf,
  recordIn,
  stringIn,
  type Tally,
  timeIn,
} from "./records.ts";
import { fault, filesIn, foldersIn, openBelow, smallFile } from "./source-file.ts";
import { toolCall } from "./tools.ts";

/**
 * OpenCode: `opencode.db`, an SQLite database of sessions, messages and parts; the same as single documents below
 * `storage/` in older versions; one document with all of them as `opencode export` prints it. Rows are changed in place.
 *
 * The database is opened for reading alone. SQLite lays its two lock files beside it, as for every reader.
 */
export const opencodeReader: TranscriptReader = {
  agent: "opencode",
  title: "OpenCode",
  roots: ({ env, home, platform }) => [
    join(stringIn(env.XDG_DATA_HOME) ?? join(home, ".local", "share"), "opencode"),
    ...(platform === "win32" && stringIn(env.LOCALAPPDATA) !== null
      ? [join(env.LOCALAPPDATA ?? "", "opencode")]
      : []),
  ],
  retentionDays: async () => null,
  list,
  describe: async (file) => {
    const store = await openStore(file);
    try {
      const info = await store.info();
      if (info === null)
        throw fault("session_gone", file.path, `there is no session ${sessionId(file)} in it`);
      return describe(file, info, await store.lastWord());
    } finally {
      store.close();
    }
  },
  read: (file, options = {}) =>
    readingOf(options, (tally, limits) => utterances(file, options, limits, tally)),
};

const DATABASE = /^opencode(?:-[\w.-]+)?\.db$/;
const SESSION = /^ses_\w{1,80}$/;
const BUSY_MILLISECONDS = 2_000;

function sessionId({ key }: TranscriptFile): string {
  return key.slice("opencode-".length);
}

async function* list(root: string, { since = 0 }: ListOptions = {}): AsyncGenerator<TranscriptFile> {
  // A session that was moved into the database is that one's.
  const seen = new Set<string>();
  for await (const found of filesIn(root)) {
    if (!DATABASE.test(found.name)) continue;
    for (const row of await sessionRows(root, found.path)) {
      const { inode, path } = found;
      seen.add(row.id);
      const changedAt = row.changed || found.changedAt;
      if (changedAt < since) continue;
      yield {
        agent: "opencode",
        key: `opencode-${row.id}`,
        root,
        path,
        bytes: row.bytes,
        inode,
        changedAt,
        fingerprint: `${changedAt}:${row.bytes}`,
        kind: row.parent === null ? "session" : "helper",
      };
    }
  }
  const sessions = join(root, "storage", "session");
  for (const project of await foldersIn(sessions)) {
    for await (const found of filesIn(join(sessions, project))) {
      const id = found.name.replace(/\.json$/, "");
      if (!SESSION.test(id) || seen.has(id) || found.changedAt < since) continue;
      const { path, bytes, inode, changedAt } = found;
      const fingerprint = `${inode}:${bytes}:${changedAt}`;
      yield {
        agent: "opencode",
        key: `opencode-${id}`,
        root,
        path,
        bytes,
        inode,
        changedAt,
        fingerprint,
        kind: "session",
      };
    }
  }
}

interface SessionRow {
  readonly id: string;
  readonly parent: string | null;
  readonly changed: number;
  readonly bytes: number;
}

/** A database that is not as we know it is told of as one session that can't be read. */
async function sessionRows(root: string, path: string): Promise<readonly SessionRow[]> {
  const unreadable = {
    id: `in_${basename(path, ".db").replace(/\W/g, "_")}`,
    parent: null,
    changed: 0,
    bytes: 0,
  };
  try {
    const database = await openDatabase(root, path);
    try {
      return database
        .prepare<[], SessionRow>(
          `SELECT s.id, s.parent_id AS parent,
             max(s.time_updated,
               coalesce((SELECT max(time_updated) FROM message WHERE session_id = s.id), 0),
               coalesce((SELECT max(time_updated) FROM part WHERE session_id = s.id), 0)) AS changed,
             coalesce((SELECT sum(octet_length(data)) FROM part WHERE session_id = s.id), 0) AS bytes
           FROM session s`,
        )
        .all()
        .filter(({ id }) => SESSION.test(id));
    } finally {
      database.close();
    }
  } catch {
    return [unreadable];
  }
}

async function openDatabase(root: string, path: string): Promise<Database.Database> {
  // SQLite opens by name; what stands there is looked at first as every other file.
  await (await openBelow(root, path, Number.POSITIVE_INFINITY)).handle.close();
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_MILLISECONDS });
  database.pragma("query_only = on");
  // Stored statements of a file that is not ours are not to be run.
  database.pragma("trusted_schema = off");
  return database;
}

/** A session with its messages, whatever they are kept in. */
interface SessionStore {
  info(): Promise<Fields | null>;
  lastWord(): Promise<number | null>;
  /** In their order, without their parts. */
  messages(): AsyncIterable<Fields>;
  /** Null for a part that is larger than a line may be; undefined for one that is no record. */
  parts(message: string, maxBytes: number): AsyncIterable<Fields | null | undefined>;
  close(): void;
}

async function openStore(file: TranscriptFile): Promise<SessionStore> {
  if (file.path.endsWith(".db")) return databaseStore(file);
  return basename(dirname(dirname(file.path))) === "session" ? folderStore(file) : exportStore(file);
}

function unknown(file: TranscriptFile, cause?: unknown) {
  return fault(
    "session_unknown_format",
    file.path,
    "it does not hold what OpenCode is known to write",
    cause,
  );
}

async function databaseStore(file: TranscriptFile): Promise<SessionStore> {
  const id = sessionId(file);
  const database = await openDatabase(file.root, file.path).catch((error: unknown) => {
    throw codeOf(error)?.startsWith("session_") ? error : unknown(file, error);
  });
  try {
    const session = database.prepare<[string], Fields>("SELECT * FROM session WHERE id = ?");
    const messages = database.prepare<[string], { id: string; at: number }>(
      "SELECT id, time_created AS at FROM message WHERE session_id = ? ORDER BY time_created, id",
    );
    const message = database.prepare<[number, string], { data: string | null }>(
      "SELECT CASE WHEN octet_length(data) <= ? THEN data END AS data FROM message WHERE id = ?",
    );
    const parts = database.prepare<[string], { id: string }>(
      "SELECT id FROM part WHERE message_id = ? ORDER BY id",
    );
    const part = database.prepare<[number, string], { data: string | null; at: number }>(
      "SELECT CASE WHEN octet_length(data) <= ? THEN data END AS data, time_created AS at FROM part WHERE id = ?",
    );
    return {
      info: async () => session.get(id) ?? null,
      lastWord: async () => messages.all(id).at(-1)?.at ?? null,
      // Row by row: between two of them no lock is held that OpenCode would wait for.
      async *messages() {
        for (const row of messages.all(id)) {
          const fields = objectIn(jsonIn(message.get(READ_LIMITS.lineBytes, row.id)?.data ?? ""));
          if (fields !== null) yield { ...fields, id: row.id, at: row.at };
        }
      },
      async *parts(of, maxBytes) {
        for (const row of parts.all(of)) {
          const found = part.get(maxBytes, row.id);
          const fields = found?.data ? objectIn(jsonIn(found.data)) : null;
          yield found?.data === null ? null : fields === null ? undefined : { at: found?.at, ...fields };
        }
      },
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw unknown(file, error);
  }
}

function folderStore(file: TranscriptFile): SessionStore {
  const { root, path } = file;
  const storage = join(root, "storage");
  const inOrder = async (folder: string) =>
    (await readdir(folder).catch(() => [])).filter((name) => /^\w{1,100}\.json$/.test(name)).sort();
  async function* messages(): AsyncGenerator<Fields> {
    const folder = join(storage, "message", sessionId(file));
    for (const name of await inOrder(folder)) {
      const fields = objectIn(jsonIn((await smallFile(root, join(folder, name))) ?? ""));
      if (fields !== null) yield { ...fields, id: name.replace(/\.json$/, "") };
    }
  }
  return {
    info: async () => objectIn(jsonIn((await smallFile(root, path)) ?? "")),
    async lastWord() {
      let last: number | null = null;
      for await (const message of messages()) last = timeIn(objectIn(message.time)?.created) ?? last;
      return last;
    },
    messages,
    async *parts(of, maxBytes) {
      const folder = join(storage, "part", of);
      for (const name of await inOrder(folder)) {
        const text = await smallFile(root, join(folder, name), maxBytes);
        yield text === null ? null : (objectIn(jsonIn(text)) ?? undefined);
      }
    },
    close: () => {},
  };
}

/** What `opencode export` prints: one document, read as a whole. */
async function exportStore(file: TranscriptFile): Promise<SessionStore> {
  const open = await openBelow(file.root, file.path, READ_LIMITS.lineBytes);
  let document: Fields | null;
  try {
    const { buffer, bytesRead } = await open.handle.read(Buffer.alloc(open.bytes), 0, open.bytes, 0);
    document = recordIn(buffer.subarray(0, bytesRead));
  } finally {
    await open.handle.close();
  }
  const info = objectIn(document?.info);
  if (info === null || !Array.isArray(document?.messages)) throw unknown(file);
  const entries = listIn(document?.messages).flatMap((entry) => {
    const message = objectIn(objectIn(entry)?.info);
    return message === null ? [] : [{ message, parts: listIn(objectIn(entry)?.parts) }];
  });
  return {
    info: async () => info,
    lastWord: async () => timeIn(objectIn(entries.at(-1)?.message.time)?.created),
    async *messages() {
      for (const { message } of entries) yield message;
    },
    async *parts(of) {
      const parts = entries.find(({ message }) => message.id === of)?.parts ?? [];
      for (const part of parts) yield objectIn(part) ?? undefined;
    },
    close: () => {},
  };
}

/** The session in an exported file; null when it is none. */
export async function opencodeSessionIn(file: TranscriptFile): Promise<string | null> {
  if (file.path.endsWith(".db")) return null;
  return stringIn((await (await exportStore(file)).info())?.id);
}

function describe(file: TranscriptFile, info: Fields, saidAt: number | null): SessionFile {
  const time = objectIn(info.time);
  const parent = stringIn(info.parent_id) ?? stringIn(info.parentID);
  return {
    ...file,
    kind: parent === null ? "session" : "helper",
    cwd: stringIn(info.directory),
    branch: null,
    version: stringIn(info.version),
    firstAt: timeIn(info.time_created) ?? timeIn(time?.created),
    saidAt,
    headless: null,
    parent: parent === null ? null : `opencode-${parent}`,
  };
}

async function* utterances(
  file: TranscriptFile,
  options: ReadOptions,
  limits: ReadLimits,
  tally: Tally,
): AsyncGenerator<Utterance> {
  const store = await openStore(file);
  const talk = new Conversation();
  const deadline = options.now === undefined ? null : options.now() + limits.milliseconds;
  try {
    const info = await store.info();
    if (info === null) throw fault("session_gone", file.path, `there is no session ${sessionId(file)} in it`);
    const undoneFrom = undoneMessage(info);
    for await (const message of store.messages()) {
      const id = stringIn(message.id);
      if (id === null) continue;
      if (undoneFrom !== null && id >= undoneFrom) {
        tally.repeated += 1;
        continue;
      }
      const time = timeIn(objectIn(message.time)?.created) ?? timeIn(message.at);
      for await (const part of store.parts(id, limits.lineBytes)) {
        options.signal?.throwIfAborted();
        if (tally.lines >= limits.lines) tally.cutBy = "lines";
        else if (deadline !== null && options.now !== undefined && options.now() > deadline)
          tally.cutBy = "time";
        if (tally.cutBy !== null) return yield* talk.end();
        tally.lines += 1;
        if (part === null) tally.tooLong += 1;
        else if (part === undefined) tally.broken += 1;
        else yield* utterance(part, message, time, tally, talk);
      }
    }
    yield* talk.end();
  } finally {
    store.close();
  }
}

/** From this message on a person took back what was said. */
function undoneMessage(info: Fields): string | null {
  const revert = objectIn(typeof info.revert === "string" ? jsonIn(info.revert) : info.revert);
  return stringIn(revert?.messageID);
}

function* utterance(
  part: Fields,
  message: Fields,
  at: number | null,
  tally: Tally,
  talk: Conversation,
): Generator<Utterance> {
  const text = stringIn(part.text);
  if (part.type === "text" && text !== null && text.trim() !== "") {
    if (message.role === "user") {
      if (part.synthetic === true || part.ignored === true) {
        tally.machineMade += 1;
        return yield* talk.utter("context", at, text);
      }
      for (const piece of speakersIn([withoutQuotes(text)])) {
        if (piece.speaker !== "person") tally.machineMade += 1;
        yield* talk.utter(piece.speaker, at, piece.text);
      }
    } else if (message.summary === true) yield* talk.utter("context", at, text);
    else yield* talk.answer(timeIn(objectIn(part.time)?.start) ?? at, text);
  } else if (part.type === "tool") yield* toolUse(part, at, talk);
  else if (part.type === "patch") {
    const files = listIn(part.files).filter((path) => typeof path === "string");
    const id = stringIn(part.id) ?? stringIn(part.hash);
    if (files.length === 0 || id === null) return;
    yield* talk.call(id, at, { name: "patch", input: "", command: null, files, ok: true });
    yield* talk.result(id, { text: "", ok: true });
  } else passOver(tally, `part/${stringIn(part.type) ?? "other"}`);
}

/** `opencode run "a b"` keeps the quotes that it puts round its words. */
function withoutQuotes(text: string): string {
  return /^"[\s\S]+"$/.test(text.trim()) ? text.trim().slice(1, -1) : text;
}

function* toolUse(part: Fields, at: number | null, talk: Conversation): Generator<Utterance> {
  const name = stringIn(part.tool);
  const id = stringIn(part.callID) ?? stringIn(part.id);
  const state = objectIn(part.state);
  if (name === null || id === null || state === null) return;
  const exit = objectIn(state.metadata)?.exit;
  const isDone = state.status === "completed";
  const ok = isDone ? typeof exit !== "number" || exit === 0 : state.status === "error" ? false : null;
  yield* talk.call(id, timeIn(objectIn(state.time)?.start) ?? at, toolCall(name, state.input));
  yield* talk.result(id, { text: stringIn(state.output) ?? stringIn(state.error) ?? "", ok });
}
