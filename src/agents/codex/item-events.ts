import type { AgentEvent } from "../../domain/agent.ts";
import type { CodexItem } from "./notices.ts";

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
