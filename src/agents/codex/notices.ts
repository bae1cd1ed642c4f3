import { z } from "zod";
import type { AgentEvent } from "../../domain/agent.ts";

/** What is read of the notices of `codex app-server` (0.169.0); everything else in them may change. */
const turnError = z.object({ message: z.string(), codexErrorInfo: z.unknown() });
const item = z.discriminatedUnion("type", [
  z.object({ type: z.literal("agentMessage"), text: z.string() }),
  z.object({ type: z.literal("reasoning"), summary: z.array(z.string()), content: z.array(z.string()) }),
  z.object({
    type: z.literal("commandExecution"),
    command: z.string(),
    exitCode: z.number().nullish(),
    status: z.string(),
  }),
  z.object({
    type: z.literal("fileChange"),
    changes: z.array(z.object({ path: z.string() })),
    status: z.string(),
  }),
  z.object({ type: z.literal("mcpToolCall"), server: z.string(), tool: z.string() }),
  z.object({ type: z.literal("webSearch"), query: z.string() }),
]);
const ofItem = z.object({ threadId: z.string(), item });
const turn = z.object({
  id: z.string(),
  status: z.string(),
  error: turnError.nullish(),
});

export type CodexItem = z.infer<typeof item>;
export type CodexTurn = z.infer<typeof turn>;
export type CodexTurnError = z.infer<typeof turnError>;

export const itemNotice = ofItem;
export const turnNotice = z.object({ threadId: z.string(), turn });
export const errorNotice = z.object({ threadId: z.string(), error: turnError, willRetry: z.boolean() });
export const usageNotice = z.object({
  threadId: z.string(),
  tokenUsage: z.object({
    total: z.object({
      inputTokens: z.number(),
      outputTokens: z.number(),
      cachedInputTokens: z.number().optional().catch(undefined),
      reasoningOutputTokens: z.number().optional().catch(undefined),
    }),
  }),
});
export const statusNotice = z.object({ threadId: z.string(), status: z.object({ type: z.string() }) });

/** `usage limit (429)`-like: the kind of the error beside its message, when it adds something. */
export function causeOfTurn({ message, codexErrorInfo }: CodexTurnError): string {
  const kind = kindOf(codexErrorInfo);
  return kind === null ? message : `${message} (${kind})`;
}

function kindOf(info: unknown): string | null {
  if (typeof info === "string") return info === "other" ? null : info;
  if (typeof info !== "object" || info === null) return null;
  const [kind, details] = Object.entries(info)[0] ?? [];
  const status = (details as { httpStatusCode?: unknown } | null | undefined)?.httpStatusCode;
  return kind === undefined ? null : `${kind}${typeof status === "number" ? ` ${status}` : ""}`;
}

type ToolEvent = Extract<AgentEvent, { type: "agent.tool" }>;

/** Of one text; what is kept of all of them is bounded elsewhere. */
const TEXT_LENGTH = 4_000;

/** What a tool is about to do; null for what only speaks, which is told when it is whole. */
export function startedEvent(item: CodexItem): AgentEvent | null {
  switch (item.type) {
    case "commandExecution":
      return tool("shell", item.command);
    case "fileChange":
      return tool("patch", item.changes.map(({ path }) => path).join(" "));
    case "mcpToolCall":
      return tool(`${item.server}.${item.tool}`, "");
    case "webSearch":
      return tool("web search", item.query);
    case "agentMessage":
    case "reasoning":
      return null;
  }
}

/** What was said, and which tools failed; null for what was told when it began. */
export function completedEvent(item: CodexItem): AgentEvent | null {
  switch (item.type) {
    case "agentMessage":
      return { type: "agent.message", text: item.text.slice(0, TEXT_LENGTH) };
    case "reasoning": {
      const text = [...item.summary, ...item.content].join("\n").slice(0, TEXT_LENGTH);
      return text.trim() === "" ? null : { type: "agent.thought", text };
    }
    case "commandExecution": {
      if (item.status === "completed" && (item.exitCode ?? 0) === 0) return null;
      const how = typeof item.exitCode === "number" ? `exit code ${item.exitCode}` : item.status;
      return again(tool("shell", `${how}: ${item.command}`));
    }
    case "fileChange":
      return item.status === "completed" ? null : again(tool("patch", item.status));
    case "mcpToolCall":
    case "webSearch":
      return null;
  }
}

function again(told: ToolEvent): AgentEvent {
  return { ...told, again: true };
}

function tool(name: string, text: string): ToolEvent {
  return { type: "agent.tool", name: name.slice(0, 100), text: text.slice(0, TEXT_LENGTH) };
}
