import { parse } from "jsonc-parser";
import type { Stage1Output } from "../domain/memory.ts";
import { type CutLine, lineCutter } from "../text/lines.ts";
import { cleanRecords, judgeRecord, type RecordCode } from "./record.ts";

export interface Stage1File {
  /** In the order of the file; as `store.memories.upsert` would make them. */
  readonly outputs: readonly Stage1Output[];
  readonly rejected: readonly Rejection[];
  /** How many secrets were replaced in the two texts. */
  readonly secrets: number;
}

/**
 * Reads stage-1 outputs from JSONL: checked line by line, texts normalised and freed of secrets. Decides nothing about
 * what to do with rejected lines. Errors of the stream itself are passed on.
 */
export async function readStage1(chunks: AsyncIterable<Uint8Array>): Promise<Stage1File> {
  const outputs: Stage1Output[] = [];
  const rejected: Rejection[] = [];
  let secrets = 0;
  for await (const line of linesOf(chunks)) {
    const parsed = "rejection" in line ? line.rejection : parseLine(line.number, line.text);
    if (!("record" in parsed)) {
      rejected.push(parsed);
      continue;
    }
    const { records, redacted } = await cleanRecords([parsed.record]);
    outputs.push(...records);
    secrets += redacted;
  }
  return { outputs, rejected, secrets };
}

/** One line as a record, texts still as they came, or the first thing that is wrong with it. */
export function parseLine(line: number, text: string): { readonly record: Stage1Output } | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a secret; the place is enough.
    return {
      line,
      code: "invalid_json",
      message: "The line is not valid JSON; each line is one JSON object.",
    };
  }
  const verdict = judgeRecord(value, "snake");
  return "record" in verdict ? verdict : { line, ...verdict };
}

/** Why a line was not taken. */
export interface Rejection {
  /** Counted from 1, blank lines included, as an editor shows it. */
  readonly line: number;
  readonly code: RecordCode | "line_too_long" | "invalid_utf8" | "invalid_json";
  readonly message: string;
}

export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly rejection: Rejection };

/** 8 MiB: two texts of 1 MiB, every character escaped, fit in it. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

const BOM = [0xef, 0xbb, 0xbf];

/**
 * The lines of a JSONL stream, one at a time: never more than one line is held. LF and CR LF end a line, blank
 * lines are passed over (but counted), a byte order mark at the start is tolerated. A line that is too long or
 * not UTF-8 is told as a rejection, and the next one is read as if nothing had happened.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const cutter = lineCutter(MAX_LINE_BYTES);
  for await (const chunk of chunks) {
    for (const cut of cutter.cut(chunk)) {
      const line = lineOf(cut);
      if (line !== null) yield line;
    }
  }
  const last = cutter.rest();
  const line = last === null ? null : lineOf(last);
  if (line !== null) yield line;
}

function lineOf({ number, bytes, length }: CutLine): Line | null {
  return bytes === null ? tooLong(number, length) : decoded(number, bytes);
}

function decoded(number: number, bytes: Uint8Array): Line | null {
  const hasBom = number === 1 && BOM.every((byte, at) => bytes[at] === byte);
  if (bytes.includes(0)) {
    return rejected(number, "nul", "The line contains a NUL byte; this is not a text file.");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      hasBom ? bytes.subarray(3) : bytes,
    );
    return /^[ \t\r]*$/.test(text) ? null : { number, text };
  } catch {
    return rejected(number, "invalid_utf8", "The line is not valid UTF-8; save the file as UTF-8.");
  }
}

function tooLong(number: number, bytes: number): Line {
  return rejected(
    number,
    "line_too_long",
    `The line has ${bytes} bytes; at most ${MAX_LINE_BYTES} (8 MiB) are read.`,
  );
}

function rejected(number: number, code: Rejection["code"], message: string): Line {
  return { number, rejection: { line: number, code, message } };
}

/** The agents whose own records of a session are recognised. */
export type TranscriptAgent = "Claude Code" | "Codex" | "Gemini CLI" | "OpenCode";

/** So much of the beginning of a file is enough for `transcriptIn`: the first line of a Codex session holds its base prompt. */
export const TRANSCRIPT_HEAD_BYTES = 256 * 1024;

/** So many lines from the top are looked at: Claude Code writes a few notices before the first turn. */
const LOOKED_AT = 20;

/**
 * Whose transcript begins with these bytes, told by its shape alone; null when it is none, and for stage-1 outputs in any
 * state. The bytes may end anywhere, also within a line. OpenCode's two forms are known, its export and its SQLite store.
 *
 * @example transcriptIn(Buffer.from('{"timestamp":"…","type":"session_meta","payload":{}}')) // "Codex"
 */
export function transcriptIn(head: Uint8Array): TranscriptAgent | null {
  const text = new TextDecoder("utf-8").decode(head);
  if (isSqlite(head)) return OPENCODE_TABLES.every((table) => table.test(text)) ? "OpenCode" : null;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  // The whole text first: OpenCode's export and the sessions of an older Gemini CLI are one document over many lines.
  for (const beginning of [text, ...lines.slice(0, LOOKED_AT)]) {
    const value = fieldsOf(beginning);
    if (value === null) continue;
    // Codex's own events bear a field of that name, too.
    if (value.type === "thread.started" && !Object.hasOwn(value, "raw_memory")) return "Codex";
    if (STAGE1_FIELDS.some((field) => Object.hasOwn(value, field))) return null;
    const agent = agentOf(value);
    if (agent !== null) return agent;
  }
  return null;
}

const SQLITE = Buffer.from("SQLite format 3\0");

/** Whether a file with this beginning is a SQLite database. */
export function isSqlite(head: Uint8Array): boolean {
  return SQLITE.every((byte, at) => head[at] === byte);
}

/** As they stand in the first pages of a database, which hold its schema. */
const OPENCODE_TABLES = ["session", "message", "part"].map(
  (table) => new RegExp(`create table (?:if not exists )?[\`"]?${table}[\`"]?\\s*\\(`, "i"),
);

/** One of these, and the person meant a stage-1 output, whatever else is wrong with it. */
const STAGE1_FIELDS = ["thread_id", "raw_memory", "rollout_summary"];

type Fields = Readonly<Record<string, unknown>>;

/** The object that begins so: the parser forgives an end that is missing. */
function fieldsOf(text: string): Fields | null {
  const start = text.replace(/^\u{feff}/u, "").trimStart();
  if (!start.startsWith("{")) return null;
  return objectIn(parse(start));
}

function agentOf(value: Fields): TranscriptAgent | null {
  return SHAPES.find(({ fits }) => fits(value))?.agent ?? null;
}

const CODEX_TYPES = ["session_meta", "turn_context", "response_item", "event_msg", "compacted"];

const SHAPES: readonly { readonly agent: TranscriptAgent; readonly fits: (value: Fields) => boolean }[] = [
  {
    agent: "Codex",
    fits: ({ type, payload }) => CODEX_TYPES.includes(String(type)) && objectIn(payload) !== null,
  },
  {
    agent: "Gemini CLI",
    fits: ({ sessionId, projectHash }) => typeof sessionId === "string" && typeof projectHash === "string",
  },
  {
    // `codex exec --json`, from which the first event may have been cut.
    agent: "Codex",
    fits: ({ type, item, usage }) =>
      type === "turn.started" ||
      (type === "turn.completed" && objectIn(usage) !== null) ||
      (/^item\.(?:started|updated|completed)$/.test(String(type)) && objectIn(item) !== null),
  },
  {
    // What is streamed with `--output-format stream-json`.
    agent: "Gemini CLI",
    fits: ({ type, session_id, model }) =>
      type === "init" && typeof session_id === "string" && typeof model === "string",
  },
  {
    agent: "Claude Code",
    fits: ({ type, subtype, session_id, message }) =>
      typeof type === "string" &&
      typeof session_id === "string" &&
      (typeof subtype === "string" || objectIn(message) !== null),
  },
  {
    // What lies beside the transcript of a sub-agent.
    agent: "Claude Code",
    fits: ({ agentType, toolUseId, spawnDepth }) =>
      typeof agentType === "string" && (typeof toolUseId === "string" || typeof spawnDepth === "number"),
  },
  {
    agent: "Claude Code",
    fits: ({ type, sessionId, parentUuid, uuid, leafUuid, messageId, snapshot }) =>
      typeof type === "string" &&
      (typeof sessionId === "string" ||
        (typeof uuid === "string" && parentUuid !== undefined) ||
        (type === "summary" && typeof leafUuid === "string") ||
        (type === "file-history-snapshot" && typeof messageId === "string" && snapshot !== undefined)),
  },
  {
    agent: "OpenCode",
    fits: ({ info }) => /^ses_/.test(String(objectIn(info)?.id)),
  },
];

function objectIn(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
