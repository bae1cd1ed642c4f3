import { basename, dirname, join } from "node:path";
import { Conversation } from "./conversation.ts";
import { type Facts, lookAtEnds, sawTime, sessionOf } from "./ends.ts";
import { speakersIn } from "./machine-made.ts";
import type { ListOptions, TranscriptFile, TranscriptReader, Utterance } from "./reader.ts";
import {
  type Fields,
  jsonIn,
  listIn,
  objectIn,
  passOver,
  type RecordSource,
  readingOf,
  recordsOf,
  stringIn,
  textIn,
  textsIn,
  timeIn,
  withOpenFile,
} from "./records.ts";
import { type FoundFile, fault, filesIn, foldersIn, smallFile } from "./source-file.ts";
import { toolCall } from "./tools.ts";

/**
 * Claude Code, 1.x and 2.x: `projects/<folder>/<session>.jsonl`; helpers in `<session>/subagents/agent-<id>.jsonl`, or
 * beside the sessions in older versions. One object a line. Most of a file is prompts and requests of the vendor; the
 * conversation is in the lines of type `user` and `assistant`.
 */
export const claudeReader: TranscriptReader = {
  agent: "claude",
  title: "Claude Code",
  roots: ({ env, home }) => [stringIn(env.CLAUDE_CONFIG_DIR) ?? join(home, ".claude")],
  retentionDays: async (root) => {
    const settings = objectIn(jsonIn((await smallFile(root, join(root, "settings.json"))) ?? ""));
    const days = settings?.cleanupPeriodDays;
    return typeof days === "number" && days >= 0 ? days : DAYS_KEPT;
  },
  list,
  describe: async (file) => {
    const facts = await look(file);
    if (!facts.isKnown) throw unknown(file);
    const parent = file.kind === "helper" ? (facts.parent ?? parentByPlace(file.path)) : null;
    return sessionOf(file, { ...facts, parent });
  },
  read: (file, options = {}) =>
    readingOf(options, (tally, limits) =>
      withOpenFile(file, limits, (open) => utterances({ file, open, limits, options, tally })),
    ),
};

/** The default of `cleanupPeriodDays`. */
const DAYS_KEPT = 30;
const SESSION = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl$/i;
const HELPER = /^agent-([\w-]{1,80})\.jsonl$/;

async function* list(root: string, { since = 0 }: ListOptions = {}): AsyncGenerator<TranscriptFile> {
  const projects = join(root, "projects");
  for (const project of await foldersIn(projects)) {
    const folder = join(projects, project);
    for await (const found of filesIn(folder)) yield* fileOf(found, root, since);
    for (const session of await foldersIn(folder)) {
      if (!SESSION.test(`${session}.jsonl`)) continue;
      for await (const found of filesIn(join(folder, session, "subagents")))
        yield* fileOf(found, root, since);
    }
  }
}

function* fileOf(found: FoundFile, root: string, since: number): Generator<TranscriptFile> {
  const { name, path, bytes, inode, changedAt } = found;
  const id = SESSION.exec(name)?.[1];
  const helper = HELPER.exec(name)?.[1];
  if (changedAt < since || (id === undefined && helper === undefined)) return;
  yield {
    agent: "claude",
    key: `claude-${id?.toLowerCase() ?? `agent-${helper}`}`,
    root,
    path,
    bytes,
    inode,
    changedAt,
    fingerprint: `${inode}:${bytes}`,
    kind: id === undefined ? "helper" : "session",
  };
}

/** `<session>/subagents/agent-<id>.jsonl` */
function parentByPlace(path: string): string | null {
  const session = basename(dirname(dirname(path)));
  return SESSION.test(`${session}.jsonl`) ? `claude-${session.toLowerCase()}` : null;
}

function look(file: TranscriptFile): Promise<Facts> {
  return lookAtEnds(file, { note, isEnough: ({ cwd, version }) => cwd !== null && version !== null });
}

/** The session in a file of any name; null when Claude Code did not write it. */
export async function claudeSessionIn(file: TranscriptFile): Promise<string | null> {
  const facts = await look(file);
  return facts.isKnown ? facts.session : null;
}

function note(value: Fields, facts: Facts): boolean {
  const { type, cwd, gitBranch, version, entrypoint, promptSource, isSidechain, sessionId } = value;
  if (typeof type === "string" && typeof sessionId === "string") {
    facts.isKnown = true;
    facts.session ??= sessionId.toLowerCase();
  }
  if (type === "summary" && typeof value.leafUuid === "string") facts.isKnown = true;
  if (type !== "user" && type !== "assistant") return false;
  facts.cwd ??= stringIn(cwd);
  facts.branch ??= stringIn(gitBranch);
  facts.version = stringIn(version) ?? facts.version;
  if (isSidechain === true && facts.kind === "helper" && typeof sessionId === "string")
    facts.parent = `claude-${sessionId.toLowerCase()}`;
  const door = stringIn(entrypoint);
  if (facts.headless === null && door !== null) facts.headless = door.startsWith("sdk");
  if (facts.headless === null && promptSource === "sdk") facts.headless = true;
  const at = timeIn(value.timestamp);
  sawTime(facts, at);
  return at !== null;
}

function unknown(file: TranscriptFile) {
  return fault(
    "session_unknown_format",
    file.path,
    "no line of it is one that Claude Code is known to write",
  );
}

async function* utterances(source: RecordSource): AsyncGenerator<Utterance> {
  const { file, tally } = source;
  const talk = new Conversation();
  // A session is read by its own id: what was copied from another one is that one's.
  const session = file.kind === "session" ? file.key.slice("claude-".length) : null;
  const seen = new Set<string>();
  let isKnown = false;
  let message: string | null = null;
  for await (const { value } of recordsOf(source)) {
    const type = stringIn(value.type);
    const own = stringIn(value.sessionId)?.toLowerCase() ?? null;
    if (type === null) {
      tally.broken += 1;
      continue;
    }
    isKnown ||= own !== null || type === "summary";
    const isTurn = type === "user" || type === "assistant";
    const queued = type === "attachment" ? queuedPrompt(value) : null;
    if (!isTurn && queued === null) {
      passOver(tally, type === "system" ? `system/${stringIn(value.subtype) ?? "other"}` : type);
      continue;
    }
    const uuid = stringIn(value.uuid);
    const origin = stringIn(objectIn(value.forkedFrom)?.sessionId)?.toLowerCase() ?? null;
    const isOthers =
      session !== null && ((own !== null && own !== session) || (origin !== null && origin !== session));
    if (isOthers || (uuid !== null && seen.has(uuid))) {
      tally.repeated += 1;
      continue;
    }
    if (uuid !== null) seen.add(uuid);
    const at = timeIn(value.timestamp);
    if (queued !== null) yield* utterancesOf(queued, at, source, talk);
    else if (type === "user") yield* userTurn(value, at, source, talk);
    else {
      const id = stringIn(objectIn(value.message)?.id);
      yield* agentTurn(value, at, talk, id !== null && id === message);
      message = id;
    }
  }
  if (!isKnown && tally.lines > 0) throw unknown(file);
  yield* talk.end();
}

/** What a person typed while the agent was at work stands in an attachment, and nowhere else. */
function queuedPrompt(value: Fields): readonly string[] | null {
  const attachment = objectIn(value.attachment);
  if (attachment?.type !== "queued_command") return null;
  const mode = stringIn(attachment.commandMode);
  return mode === null || mode === "prompt" ? textsIn(attachment.prompt) : null;
}

function* userTurn(
  value: Fields,
  at: number | null,
  source: RecordSource,
  talk: Conversation,
): Generator<Utterance> {
  const content = objectIn(value.message)?.content;
  for (const part of listIn(content)) {
    const result = objectIn(part);
    if (result?.type === "tool_result") yield* toolResult(result, value, talk);
  }
  const texts = textsIn(content);
  if (texts.length === 0) return;
  const isMachineMade =
    value.isMeta === true ||
    value.isCompactSummary === true ||
    value.promptSource === "system" ||
    (value.isSidechain === true && source.file.kind === "session");
  // The first order of a helper is its parent's, whatever it says.
  if (isMachineMade || value.isSidechain === true) {
    source.tally.machineMade += 1;
    const isNews = value.isSidechain === true || speakersIn(texts)[0]?.speaker === "other_agent";
    yield* talk.utter(isNews ? "other_agent" : "context", at, texts.join("\n"));
  } else yield* utterancesOf(texts, at, source, talk);
}

function* utterancesOf(
  texts: readonly string[],
  at: number | null,
  { tally }: RecordSource,
  talk: Conversation,
): Generator<Utterance> {
  for (const { speaker, text } of speakersIn(texts)) {
    if (speaker !== "person") tally.machineMade += 1;
    yield* talk.utter(speaker, at, text);
  }
}

function* toolResult(result: Fields, value: Fields, talk: Conversation): Generator<Utterance> {
  const id = stringIn(result.tool_use_id);
  if (id === null) return;
  const details = objectIn(value.toolUseResult);
  const isOpen = details?.isAsync === true || details?.interrupted === true;
  const ok = result.is_error === true ? false : isOpen ? null : true;
  yield* talk.result(id, { text: textIn(result.content), ok });
}

function* agentTurn(
  value: Fields,
  at: number | null,
  talk: Conversation,
  isSame: boolean,
): Generator<Utterance> {
  const content = objectIn(value.message)?.content;
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : listIn(content);
  let isFirst = !isSame;
  for (const part of parts) {
    const block = objectIn(part);
    const text = stringIn(block?.text);
    if (block?.type === "text" && text !== null && text.trim() !== "") {
      yield* isFirst ? talk.answer(at, text) : talk.continueAnswer(at, text);
      isFirst = false;
    } else if (block?.type === "tool_use") {
      const id = stringIn(block.id);
      const name = stringIn(block.name);
      if (id !== null && name !== null) yield* talk.call(id, at, toolCall(name, block.input));
    }
  }
}
