import type { TranscriptAgent } from "../../src/import/stage1-file.ts";

const SESSION = "0b0f6a6e-5a37-4f0e-9d55-0c5f1f3f0a10";
const AT = "2026-09-02T10:00:00.000Z";

function jsonl(...lines: readonly object[]): string {
  return lines.map((fields) => `${JSON.stringify(fields)}\n`).join("");
}

/** The first lines of a session of each agent, in every form it is kept in as text. */
export const TRANSCRIPTS: readonly {
  readonly form: string;
  readonly agent: TranscriptAgent;
  readonly text: string;
}[] = [
  {
    form: "a session of Claude Code",
    agent: "Claude Code",
    text: jsonl(
      {
        type: "queue-operation",
        operation: "enqueue",
        timestamp: AT,
        sessionId: SESSION,
        content: "Fix it.",
      },
      {
        parentUuid: null,
        isSidechain: false,
        type: "user",
        message: { role: "user", content: "Fix it." },
        uuid: "u1",
        timestamp: AT,
        cwd: "/home/dev/shop",
        sessionId: SESSION,
      },
    ),
  },
  {
    form: "what lies beside the transcript of a sub-agent of Claude Code",
    agent: "Claude Code",
    text: jsonl({
      agentType: "general-purpose",
      description: "Look at tests",
      toolUseId: "toolu_3",
      spawnDepth: 2,
    }),
  },
  {
    form: "what Claude Code streams",
    agent: "Claude Code",
    text: jsonl(
      { type: "system", subtype: "init", cwd: "/home/dev/shop", session_id: SESSION, tools: [] },
      { type: "assistant", message: { role: "assistant", content: [] }, session_id: SESSION },
    ),
  },
  {
    form: "what codex exec --json prints",
    agent: "Codex",
    text: jsonl({ type: "thread.started", thread_id: SESSION }, { type: "turn.started" }),
  },
  {
    form: "the same without its first event",
    agent: "Codex",
    text: jsonl({ type: "item.completed", item: { id: "item_0", type: "agent_message", text: "Done." } }),
  },
  {
    form: "what Gemini CLI streams",
    agent: "Gemini CLI",
    text: jsonl({ type: "init", timestamp: AT, session_id: SESSION, model: "gemini-3-pro" }),
  },
  {
    form: "a session of Claude Code that begins with a summary",
    agent: "Claude Code",
    text: jsonl({ type: "summary", summary: "Mended the cart", leafUuid: "u9" }),
  },
  {
    form: "a session of Claude Code that begins with a snapshot of files",
    agent: "Claude Code",
    text: jsonl({ type: "file-history-snapshot", messageId: "m1", snapshot: {}, isSnapshotUpdate: false }),
  },
  {
    form: "a session of Codex",
    agent: "Codex",
    text: jsonl(
      { timestamp: AT, type: "session_meta", payload: { id: SESSION, cwd: "/home/dev/shop" } },
      { timestamp: AT, type: "event_msg", payload: { type: "task_started" } },
    ),
  },
  {
    form: "a session of Gemini CLI",
    agent: "Gemini CLI",
    text: jsonl(
      { sessionId: SESSION, projectHash: "5fca", startTime: AT, lastUpdated: AT, kind: "main" },
      { id: "m1", timestamp: AT, type: "user", content: [{ text: "Fix it." }] },
    ),
  },
  {
    form: "a session of an older Gemini CLI, one document",
    agent: "Gemini CLI",
    text: JSON.stringify({ sessionId: SESSION, projectHash: "5fca", startTime: AT, messages: [] }, null, 2),
  },
  {
    form: "an export of OpenCode",
    agent: "OpenCode",
    text: JSON.stringify(
      { info: { id: "ses_0001", directory: "/home/dev/shop" }, messages: [{ info: { id: "msg_1" } }] },
      null,
      2,
    ),
  },
  {
    form: "an export of OpenCode in one line",
    agent: "OpenCode",
    text: JSON.stringify({ info: { id: "ses_0001", directory: "/home/dev/shop" }, messages: [] }),
  },
];
