import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { Conversation } from "./conversation.ts";
import { type Facts, lookAtEnds, noFacts, sawTime, sessionOf } from "./ends.ts";
import { speakersIn } from "./machine-made.ts";
import type { ListOptions, ReadLimits, TranscriptFile, TranscriptReader, Utterance } from "./reader.ts";
import {
  type Fields,
  jsonIn,
  listIn,
  objectIn,
  passOver,
  type RecordSource,
  readingOf,
  recordIn,
  recordsOf,
  stringIn,
  type Tally,
  textsIn,
  timeIn,
  withOpenFile,
} from "./records.ts";
import {
  type FoundFile,
  fault,
  filesIn,
  foldersIn,
  type OpenFile,
  openBelow,
  smallFile,
} from "./source-file.ts";
import { exitCodeIn, toolCall } from "./tools.ts";

/**
 * Gemini CLI: `tmp/<slug>/chats/session-<minute>-<id>.jsonl`, helpers in `chats/<parent>/`; one document as `.json` in
 * older versions, under the hash of the project's folder. The lines are a log of edits: the same id again replaces a
 * message, `$set.messages` replaces all of them, `$rewindTo` cuts them off.
 */
export const geminiReader: TranscriptReader = {
  agent: "gemini",
  title: "Gemini CLI",
  roots: ({ env, home }) => [join(stringIn(env.GEMINI_CLI_HOME) ?? home, ".gemini")],
  retentionDays: async (root) => {
    const settings = objectIn(jsonIn((await smallFile(root, join(root, "settings.json"))) ?? ""));
    const kept = objectIn(objectIn(settings?.general)?.sessionRetention);
    if (kept?.enabled === false) return null;
    const [, count, unit = ""] = /^(\d{1,5})([hdwm])$/.exec(stringIn(kept?.maxAge) ?? "") ?? [];
    return count === undefined ? DAYS_KEPT : Number(count) * (DAYS[unit] ?? 1);
  },
  list,
  describe: async (file) => {
    const facts = await look(file);
    if (!facts.isKnown) throw unknown(file);
    return sessionOf(file, { ...facts, cwd: await projectFolder(file) });
  },
  read: (file, options = {}) =>
    readingOf(options, (tally, limits) =>
      withOpenFile(file, limits, (open) =>
        utterances(
          isDocument(file)
            ? documentMessages(file, open, limits, tally)
            : liveMessages({ file, open, limits, options, tally }),
          tally,
        ),
      ),
    ),
};

const DAYS_KEPT = 30;
const DAYS: Readonly<Record<string, number>> = { h: 1 / 24, d: 1, w: 7, m: 30 };
const ID = /^[\w-]{1,100}$/;

function isDocument({ path }: TranscriptFile): boolean {
  return path.endsWith(".json");
}

async function* list(root: string, { since = 0 }: ListOptions = {}): AsyncGenerator<TranscriptFile> {
  const projects = join(root, "tmp");
  for (const project of await foldersIn(projects)) {
    const chats = join(projects, project, "chats");
    // Resuming leaves a second file of the same session, with no turn in it: the longer one is the session.
    const longest = new Map<string, TranscriptFile>();
    for (const folder of [chats, ...(await foldersIn(chats)).map((name) => join(chats, name))]) {
      for await (const found of filesIn(folder)) {
        const file = await fileOf(found, root, folder !== chats);
        const other = file === null ? undefined : longest.get(file.key);
        if (file !== null && (other === undefined || other.bytes < file.bytes)) longest.set(file.key, file);
      }
    }
    for (const file of longest.values()) if (file.changedAt >= since) yield file;
  }
}

async function fileOf(found: FoundFile, root: string, isBelow: boolean): Promise<TranscriptFile | null> {
  const { name, path, bytes, inode, changedAt } = found;
  if (!/\.jsonl?$/.test(name) || (!isBelow && !name.startsWith("session-"))) return null;
  const head = await headOf(root, path);
  // A file that does not say whose it is goes by its name, so that it can be told of.
  const key = `gemini-${
    head?.session ??
    basename(name)
      .replace(/\.jsonl?$/, "")
      .replace(/[^\w-]/g, "_")
      .slice(0, 100)
  }`;
  const kind = isBelow || head?.kind === "subagent" ? "helper" : "session";
  return {
    agent: "gemini",
    key,
    root,
    path,
    bytes,
    inode,
    changedAt,
    fingerprint: `${inode}:${bytes}`,
    kind,
  };
}

/** The id stands at the very beginning, in both layouts. */
async function headOf(root: string, path: string): Promise<{ session: string; kind: string | null } | null> {
  try {
    const { handle } = await openBelow(root, path, Number.POSITIVE_INFINITY);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4_096), 0, 4_096, 0);
      const text = buffer.toString("utf8", 0, bytesRead);
      const session = /^\s*\{[^[{}]*?"sessionId"\s*:\s*"([\w-]{1,100})"/.exec(text)?.[1];
      const kind = /^\s*\{[^[{}]*?"kind"\s*:\s*"(\w+)"/.exec(text)?.[1] ?? null;
      return session === undefined ? null : { session, kind };
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}

/** The folder is not in the file: it stands beside it, or in the table of projects. */
async function projectFolder({ root, path }: TranscriptFile): Promise<string | null> {
  const project = path.startsWith(join(root, "tmp"))
    ? path.slice(join(root, "tmp").length + 1).split(/[\\/]/)[0]
    : undefined;
  if (project === undefined) return null;
  const beside = (await smallFile(root, join(root, "tmp", project, ".project_root")))?.trim();
  if (beside !== undefined && beside !== "" && !/[\n\r]/.test(beside)) return beside;
  const table = objectIn(jsonIn((await smallFile(root, join(root, "projects.json"))) ?? ""));
  const known = Object.entries(objectIn(table?.projects) ?? table ?? {});
  const hash = (folder: string) => createHash("sha256").update(folder).digest("hex");
  return known.find(([folder, slug]) => slug === project || hash(folder) === project)?.[0] ?? null;
}

async function look(file: TranscriptFile): Promise<Facts> {
  const facts = noFacts(file);
  const above = basename(dirname(file.path));
  if (file.kind === "helper" && above !== "chats" && ID.test(above)) facts.parent = `gemini-${above}`;
  if (!isDocument(file))
    return lookAtEnds(file, { note, isEnough: ({ firstAt, isKnown }) => isKnown && firstAt !== null }, facts);
  const open = await openBelow(file.root, file.path, DOCUMENT_BYTES);
  try {
    const document = await documentIn(open);
    if (document === null) return facts;
    note(document, facts);
    for (const message of listIn(document.messages)) noteMessage(objectIn(message), facts);
    return facts;
  } finally {
    await open.handle.close();
  }
}

/** The session in a file of any name; null when Gemini CLI did not write it. */
export async function geminiSessionIn(file: TranscriptFile): Promise<string | null> {
  return (await look(file)).session;
}

function note(value: Fields, facts: Facts): boolean {
  const session = stringIn(value.sessionId);
  if (session !== null && typeof value.projectHash === "string") {
    facts.isKnown = true;
    if (ID.test(session)) facts.session ??= session;
    if (value.kind === "subagent") facts.kind = "helper";
    facts.firstAt ??= timeIn(value.startTime);
    return false;
  }
  const messages = listIn(objectIn(value.$set)?.messages);
  if (messages.length > 0) return noteMessage(objectIn(messages.at(-1)), facts);
  return noteMessage(value, facts);
}

function noteMessage(message: Fields | null, facts: Facts): boolean {
  if (message?.type !== "user" && message?.type !== "gemini") return false;
  const at = timeIn(message.timestamp);
  sawTime(facts, at);
  return at !== null;
}

function unknown(file: TranscriptFile) {
  return fault("session_unknown_format", file.path, "it does not begin as a session of Gemini CLI does");
}

/** Where a message stands: a line, and its place in the list of that line. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly at: number | null;
}

/**
 * The messages that are left after all edits, in their order. The file is read twice: once for where each message stands
 * last, then only those lines. So only the places are held.
 */
async function* liveMessages(source: RecordSource): AsyncGenerator<Fields> {
  const { open, file, tally } = source;
  const places = new Map<string, Place>();
  let isKnown = false;
  for await (const { value, from, to } of recordsOf(source)) {
    if (stringIn(value.sessionId) !== null && value.type === undefined) {
      isKnown = true;
      passOver(tally, "header");
    } else edit(value, { from, to, at: null }, places, tally);
  }
  if (!isKnown && tally.lines > 0) throw unknown(file);
  let kept: Fields | null = null;
  let keptFrom = -1;
  for (const [id, place] of places) {
    if (keptFrom !== place.from) kept = await recordAt(open, place);
    keptFrom = place.from;
    const message = place.at === null ? kept : objectIn(listIn(objectIn(kept?.$set)?.messages)[place.at]);
    // Somebody wrote over it meanwhile.
    if (message === null || message.id !== id) tally.broken += 1;
    else yield message;
  }
}

async function recordAt(open: OpenFile, { from, to }: Place): Promise<Fields | null> {
  const { buffer, bytesRead } = await open.handle.read(Buffer.alloc(to - from), 0, to - from, from);
  const end = buffer[bytesRead - 1] === LF ? bytesRead - 1 : bytesRead;
  return recordIn(buffer.subarray(0, end));
}

const LF = 0x0a;

function edit(value: Fields, place: Place, places: Map<string, Place>, tally: Tally): void {
  const cut = stringIn(value.$rewindTo);
  const set = objectIn(value.$set);
  const id = stringIn(value.id);
  if (cut !== null) {
    let isBehind = false;
    for (const known of [...places.keys()]) {
      isBehind ||= known === cut;
      if (isBehind) places.delete(known);
    }
    passOver(tally, "$rewindTo");
  } else if (Array.isArray(set?.messages)) {
    places.clear();
    set.messages.forEach((message, at) => {
      const inner = stringIn(objectIn(message)?.id);
      if (inner !== null) places.set(inner, { ...place, at });
    });
    passOver(tally, "$set.messages");
  } else if (set !== null) passOver(tally, "$set");
  else if (id === null) tally.broken += 1;
  else {
    if (places.has(id)) tally.repeated += 1;
    places.set(id, place);
  }
}

/** A document is parsed as a whole: a larger one is refused. */
const DOCUMENT_BYTES = 16 * 1024 * 1024;

async function documentIn(open: OpenFile): Promise<Fields | null> {
  const { buffer, bytesRead } = await open.handle.read(Buffer.alloc(open.bytes), 0, open.bytes, 0);
  return recordIn(buffer.subarray(0, bytesRead));
}

async function* documentMessages(
  file: TranscriptFile,
  open: OpenFile,
  limits: ReadLimits,
  tally: Tally,
): AsyncGenerator<Fields> {
  const limit = Math.min(limits.lineBytes, DOCUMENT_BYTES);
  if (open.bytes > limit)
    throw fault("session_too_large", file.path, "it is one document of more than 16 MiB");
  const document = await documentIn(open);
  if (document === null || stringIn(document.sessionId) === null) throw unknown(file);
  tally.readTo = open.bytes;
  for (const message of listIn(document.messages)) {
    const value = objectIn(message);
    tally.lines += 1;
    if (value === null) tally.broken += 1;
    else yield value;
  }
}

async function* utterances(messages: AsyncGenerator<Fields>, tally: Tally): AsyncGenerator<Utterance> {
  const talk = new Conversation();
  for await (const message of messages) {
    const at = timeIn(message.timestamp);
    const texts = textsIn(objectIn(message.content) === null ? message.content : [message.content]);
    if (message.type === "user") {
      if (texts.length === 0) passOver(tally, "user/functionResponse");
      for (const { speaker, text } of speakersIn(texts)) {
        if (speaker !== "person") tally.machineMade += 1;
        yield* talk.utter(speaker, at, text);
      }
    } else if (message.type === "gemini") {
      const text = texts.join("\n");
      if (text.trim() !== "") yield* talk.answer(at, text);
      for (const call of listIn(message.toolCalls)) yield* toolUse(objectIn(call), at, talk);
    } else passOver(tally, stringIn(message.type) ?? "other");
  }
  yield* talk.end();
}

function* toolUse(call: Fields | null, at: number | null, talk: Conversation): Generator<Utterance> {
  const name = stringIn(call?.name);
  const id = stringIn(call?.id) ?? name;
  if (call === null || name === null || id === null) return;
  const text = listIn(call.result)
    .map((part) => stringIn(objectIn(objectIn(objectIn(part)?.functionResponse)?.response)?.output) ?? "")
    .join("\n")
    .replace(/^<untrusted_context>\n(?:Output: )?/, "")
    .replace(/\n(?:Process Group PGID: \d+\n)?<\/untrusted_context>\s*$/, "");
  const code = exitCodeIn(text);
  const ok = call.status === "success" ? code === null || code === 0 : call.status === "error" ? false : null;
  yield* talk.call(id, timeIn(call.timestamp) ?? at, toolCall(name, call.args));
  yield* talk.result(id, { text, ok });
}
