import { join } from "node:path";
import { Conversation } from "./conversation.ts";
import { type Facts, lookAtEnds, sawTime, sessionOf } from "./ends.ts";
import { speakersIn } from "./machine-made.ts";
import type { ListOptions, TranscriptFile, TranscriptReader, Utterance } from "./reader.ts";
import {
  type Fields,
  jsonIn,
  listIn,
  newTally,
  objectIn,
  passOver,
  type RecordSource,
  readingOf,
  recordsOf,
  stringIn,
  type Tally,
  textIn,
  timeIn,
  withOpenFile,
} from "./records.ts";
import { chunksOf, fault, filesIn, foldersIn } from "./source-file.ts";
import { exitCodeIn, toolCall } from "./tools.ts";

/**
 * Codex: `sessions/YYYY/MM/DD/rollout-<time>-<uuid>.jsonl` and `archived_sessions/`, either packed as `.jsonl.zst`. One
 * object a line, only ever appended to. The conversation is in the lines of type `response_item`; events tell it again,
 * and some versions leave out the event of a person's turn.
 */
export const codexReader: TranscriptReader = {
  agent: "codex",
  title: "Codex",
  roots: ({ env, home }) => [stringIn(env.CODEX_HOME) ?? join(home, ".codex")],
  retentionDays: async () => null,
  list,
  describe: async (file) => {
    const facts = await look(file);
    if (!facts.isKnown) throw unknown(file);
    return sessionOf(file, facts);
  },
  read: (file, options = {}) =>
    readingOf(options, (tally, limits) =>
      withOpenFile(file, limits, async function* (open) {
        const source = { file, open, limits, options, tally };
        const undone = await undoneTurns({ ...source, tally: newTally() });
        yield* utterances(source, undone);
      }),
    ),
};

const ROLLOUT = /^rollout-.*?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl(\.zst)?$/i;

async function* list(root: string, { since = 0 }: ListOptions = {}): AsyncGenerator<TranscriptFile> {
  for await (const folder of dayFolders(root)) {
    // Codex may pack a session while it is still open elsewhere: the plain file is the fresher one.
    const found = new Map<string, TranscriptFile>();
    for await (const { name, path, bytes, inode, changedAt } of filesIn(folder)) {
      const [, id, packed] = ROLLOUT.exec(name) ?? [];
      if (id === undefined || changedAt < since) continue;
      const key = id.toLowerCase();
      if (packed !== undefined && found.has(key)) continue;
      const fingerprint = `${inode}:${bytes}`;
      found.set(key, {
        agent: "codex",
        key,
        root,
        path,
        bytes,
        inode,
        changedAt,
        fingerprint,
        kind: "session",
      });
    }
    yield* found.values();
  }
}

async function* dayFolders(root: string): AsyncGenerator<string> {
  const sessions = join(root, "sessions");
  for (const year of await foldersIn(sessions))
    for (const month of await foldersIn(join(sessions, year)))
      for (const day of await foldersIn(join(sessions, year, month))) yield join(sessions, year, month, day);
  yield join(root, "archived_sessions");
}

function look(file: TranscriptFile): Promise<Facts> {
  return lookAtEnds(file, {
    note: (value, facts) => note(value, facts, file),
    isEnough: ({ cwd, version, firstAt }) => cwd !== null && version !== null && firstAt !== null,
  });
}

/** The session in a file of any name; null when Codex did not write it. */
export async function codexSessionIn(file: TranscriptFile): Promise<string | null> {
  return (await look(file)).session;
}

function note(value: Fields, facts: Facts, file: TranscriptFile): boolean {
  const payload = objectIn(value.payload);
  if (payload === null) return false;
  const type = stringIn(value.type);
  if (type === "session_meta") {
    // A fork begins with its own head and repeats that of its parent.
    const id = stringIn(payload.id)?.toLowerCase() ?? null;
    if (id !== file.key && facts.isKnown) return false;
    facts.isKnown = true;
    facts.session ??= id;
    facts.cwd ??= stringIn(payload.cwd);
    facts.branch ??= stringIn(objectIn(payload.git)?.branch);
    facts.version ??= stringIn(payload.cli_version);
    const { kind, parent, headless } = startOf(payload);
    facts.kind = kind;
    facts.parent = parent;
    facts.headless = headless;
    facts.firstAt ??= timeIn(payload.timestamp) ?? timeIn(value.timestamp);
    return false;
  }
  if (type === "turn_context") {
    facts.cwd ??= stringIn(payload.cwd);
    return false;
  }
  if (type !== "response_item") return false;
  facts.isKnown = true;
  const at = timeIn(value.timestamp);
  sawTime(facts, at);
  return at !== null;
}

/** Who started a session: `source` is a word, or an object that names the parent of a helper. */
function startOf(meta: Fields): Pick<Facts, "kind" | "parent" | "headless"> {
  const spawn = objectIn(objectIn(meta.source)?.subagent);
  const isHelper =
    spawn !== null || objectIn(meta.source)?.subagent !== undefined || meta.thread_source === "subagent";
  const parent = stringIn(objectIn(spawn?.thread_spawn)?.parent_thread_id) ?? stringIn(meta.parent_thread_id);
  const source = stringIn(meta.source);
  const headless =
    source === "exec" || source === "mcp" ? true : source === "cli" || source === "vscode" ? false : null;
  return {
    kind: isHelper ? "helper" : "session",
    parent: isHelper ? (parent ?? null) : null,
    headless: isHelper ? true : headless,
  };
}

function unknown(file: TranscriptFile) {
  return fault("session_unknown_format", file.path, "no line of it is one that Codex is known to write");
}

/** Lines whose turn a person took back. A file without such an event, nearly every one, is not read twice. */
async function undoneTurns(source: RecordSource): Promise<ReadonlySet<number> | null> {
  if (!(await holds(source, Buffer.from("thread_rolled_back")))) return null;
  const starts: number[] = [];
  const undone = new Set<number>();
  for await (const { value, number } of recordsOf(source)) {
    const payload = objectIn(value.payload);
    if (isPersonsTurn(value, payload)) starts.push(number);
    if (value.type !== "event_msg" || payload?.type !== "thread_rolled_back") continue;
    const turns = Number(payload.num_turns);
    if (!Number.isSafeInteger(turns) || turns <= 0) continue;
    const [from = number] = starts.splice(Math.max(0, starts.length - turns));
    for (let at = from; at < number; at += 1) undone.add(at);
  }
  return undone;
}

async function holds({ file, open }: RecordSource, word: Buffer): Promise<boolean> {
  // Packed files are small enough to be read twice.
  if (file.path.endsWith(".zst")) return true;
  let before = Buffer.alloc(0);
  for await (const chunk of chunksOf(open)) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (bytes.includes(word) || Buffer.concat([before, bytes.subarray(0, word.length)]).includes(word))
      return true;
    before = Buffer.from(bytes.subarray(-word.length));
  }
  return false;
}

function isPersonsTurn(value: Fields, payload: Fields | null): boolean {
  return (
    value.type === "response_item" &&
    payload?.type === "message" &&
    payload.role === "user" &&
    speakersOf(payload).some(({ speaker }) => speaker === "person")
  );
}

async function* utterances(
  source: RecordSource,
  undone: ReadonlySet<number> | null,
): AsyncGenerator<Utterance> {
  const { file, tally } = source;
  const talk = new Conversation();
  const seen = new Set<string>();
  const fork = new Fork(file.key);
  let isKnown = false;
  for await (const { value, number } of recordsOf(source)) {
    const type = stringIn(value.type);
    const payload = objectIn(value.payload);
    if (type === null || payload === null) {
      tally.broken += 1;
      continue;
    }
    fork.see(type, payload);
    isKnown ||= type === "session_meta" || type === "response_item";
    if (type !== "response_item") {
      passOver(tally, type === "event_msg" ? `event_msg/${stringIn(payload.type) ?? "other"}` : type);
      continue;
    }
    const own = stringIn(payload.id);
    const id = typeof value.ordinal === "number" ? `${value.ordinal} ${own ?? ""}` : own;
    if (fork.isReplaying || undone?.has(number) || (id !== null && seen.has(id))) {
      tally.repeated += 1;
      continue;
    }
    if (id !== null) seen.add(id);
    yield* item(payload, timeIn(value.timestamp), tally, talk);
  }
  if (!isKnown && tally.lines > 0) throw unknown(file);
  yield* talk.end();
}

/**
 * A forked session repeats its parent's turns. Ids of turns and sessions begin with their time, so a turn that is older
 * than its session is the parent's.
 */
class Fork {
  readonly #id: string;
  #isFork = false;
  #turn: string | null = null;

  constructor(id: string) {
    this.#id = id;
  }

  see(type: string, payload: Fields): void {
    if (type === "session_meta" && stringIn(payload.id)?.toLowerCase() === this.#id)
      this.#isFork = stringIn(payload.forked_from_id) !== null;
    const passed = objectIn(payload.internal_chat_message_metadata_passthrough);
    const turn = stringIn(payload.turn_id) ?? stringIn(passed?.turn_id);
    if (
      turn !== null &&
      (type === "turn_context" || type === "response_item" || payload.type === "task_started")
    )
      this.#turn = turn.toLowerCase();
  }

  get isReplaying(): boolean {
    return this.#isFork && (this.#turn === null || this.#turn < this.#id);
  }
}

function speakersOf(payload: Fields) {
  const kinds = listIn(objectIn(payload.internal_chat_message_metadata_passthrough)?.content_item_metadata);
  const parts = listIn(payload.content).filter((part) => stringIn(objectIn(part)?.text) !== null);
  const texts = parts.map((part) => stringIn(objectIn(part)?.text) ?? "");
  const isAligned = kinds.length === listIn(payload.content).length;
  // Newer versions say of each part who made it.
  if (isAligned && kinds.every((kind) => isMachine(kind)))
    return texts.map((text) => ({ speaker: "context" as const, text }));
  return speakersIn(texts);
}

function isMachine(kind: unknown): boolean {
  const made = stringIn(objectIn(objectIn(kind)?.provenance)?.type);
  return made !== null && made !== "user";
}

function* item(payload: Fields, at: number | null, tally: Tally, talk: Conversation): Generator<Utterance> {
  const type = stringIn(payload.type) ?? "other";
  if (type === "message") {
    if (payload.role === "user") {
      for (const { speaker, text } of speakersOf(payload)) {
        if (speaker !== "person") tally.machineMade += 1;
        yield* talk.utter(speaker, at, text);
      }
    } else if (payload.role === "assistant") {
      const text = textIn(payload.content);
      const phase =
        payload.phase === "commentary" ? "commentary" : payload.phase === "final_answer" ? "final" : null;
      if (text.trim() !== "") yield* talk.answer(at, text, phase);
    } else passOver(tally, `message/${stringIn(payload.role) ?? "other"}`);
    return;
  }
  const id = stringIn(payload.call_id) ?? stringIn(payload.id);
  if (id !== null && /_call$/.test(type)) {
    const input = payload.arguments ?? payload.input ?? payload.action ?? null;
    yield* talk.call(id, at, toolCall(stringIn(payload.name) ?? type, input));
  } else if (id !== null && /_output$/.test(type)) yield* talk.result(id, answerOf(payload.output));
  else passOver(tally, `response_item/${type}`);
}

/** The output is text with a head that tells the exit code; JSON around both in older versions; parts in newer ones. */
function answerOf(output: unknown): { readonly text: string; readonly ok: boolean | null } {
  const whole = typeof output === "string" ? output : textIn(output ?? objectIn(output)?.content);
  const old = objectIn(whole.startsWith("{") ? jsonIn(whole) : output);
  const code = objectIn(old?.metadata)?.exit_code;
  if (typeof code === "number") return { text: stringIn(old?.output) ?? "", ok: code === 0 };
  const exitCode = exitCodeIn(whole);
  const success = old?.success;
  return {
    text: whole === "" ? (stringIn(old?.content) ?? "") : whole.replace(/^(?:.*\n){0,6}?Output:\n/, ""),
    ok: exitCode !== null ? exitCode === 0 : typeof success === "boolean" ? success : null,
  };
}
