import { parse } from "jsonc-parser";

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
