import { z } from "zod";
import type { AgentEvent } from "../../domain/agent.ts";

/** What is read of the messages of an ACP agent (protocol 1); everything else in them may be missing or new. */
const text = z.object({ type: z.literal("text"), text: z.string() });
const chunk = z.object({
  content: z.union([text, z.unknown().transform(() => null)]),
  messageId: z.string().nullish().catch(null),
});
const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null);

const toolCall = z.object({
  toolCallId: z.string(),
  title: lenient(z.string()),
  kind: lenient(z.string()),
  status: lenient(z.string()),
  locations: lenient(z.array(z.object({ path: z.string() }))),
  content: lenient(z.array(z.object({ type: z.string(), path: lenient(z.string()) }))),
  rawInput: z.unknown().optional(),
});

const update = z.discriminatedUnion("sessionUpdate", [
  chunk.extend({ sessionUpdate: z.literal("agent_message_chunk") }),
  chunk.extend({ sessionUpdate: z.literal("agent_thought_chunk") }),
  toolCall.extend({ sessionUpdate: z.literal("tool_call") }),
  toolCall.extend({ sessionUpdate: z.literal("tool_call_update") }),
  z.object({
    sessionUpdate: z.literal("usage_update"),
    used: z.unknown().optional(),
    cost: lenient(z.object({ amount: z.number(), currency: z.string() })),
  }),
  z.object({ sessionUpdate: z.literal("session_info_update"), _meta: z.unknown().optional() }),
]);

export const updateNotice = z.object({ sessionId: z.string(), update });

export const permissionRequest = z.object({
  toolCall,
  options: z.array(z.object({ optionId: z.string(), kind: z.string() })),
});

export const initializeAnswer = z.object({
  protocolVersion: z.number(),
  agentInfo: lenient(z.object({ name: z.string(), version: lenient(z.string()) })),
});

const choice = z.object({ value: z.string(), name: lenient(z.string()) });
const configOption = z.object({
  id: z.string(),
  category: lenient(z.string()),
  currentValue: z.unknown().optional(),
  // In groups or not.
  options: lenient(z.array(z.union([choice, z.object({ options: z.array(choice) })]))),
});

export const sessionAnswer = z.object({
  sessionId: z.string().min(1),
  modes: lenient(
    z.object({ currentModeId: z.string(), availableModes: z.array(z.object({ id: z.string() })) }),
  ),
  models: lenient(z.object({ availableModels: z.array(z.object({ modelId: z.string() })) })),
  configOptions: lenient(z.array(configOption)),
});

const count = lenient(z.number());
export const promptAnswer = z.object({
  stopReason: z.string(),
  usage: lenient(
    z.object({
      inputTokens: count,
      outputTokens: count,
      totalTokens: count,
      cachedReadTokens: count,
      thoughtTokens: count,
    }),
  ),
  _meta: lenient(
    z.object({
      quota: lenient(
        z.object({ token_count: lenient(z.object({ input_tokens: count, output_tokens: count })) }),
      ),
    }),
  ),
});

type ToolCall = z.infer<typeof toolCall>;
export type Update = z.infer<typeof update>;
export type PermissionRequest = z.infer<typeof permissionRequest>;
export type ConfigOption = z.infer<typeof configOption>;
export type SessionAnswer = z.infer<typeof sessionAnswer>;
export type PromptAnswer = z.infer<typeof promptAnswer>;

/** What is known of the calls of tools, put together from what is told of them bit by bit. */
export interface ToolCalls {
  /** What is to be told of it now, if anything: once when it acts, and once more when it failed. */
  observe(call: ToolCall): AgentEvent | null;
  /** With what was told before: what an agent asks permission for may name only the call. */
  whole(call: ToolCall): KnownCall;
}

export interface KnownCall {
  readonly kind: string;
  readonly title: string;
  /** Every path it names, in any place. */
  readonly paths: readonly string[];
}

interface Remembered extends KnownCall {
  readonly reported: boolean;
}

/** More than these at work are no tools, but a flood: the oldest is forgotten. */
const MOST_CALLS = 200;
const MOST_PATHS = 200;
const TEXT_LENGTH = 4_000;

export function toolCalls(): ToolCalls {
  const known = new Map<string, Remembered>();

  function merged(call: ToolCall): Remembered {
    const before = known.get(call.toolCallId);
    return {
      kind: (call.kind ?? before?.kind ?? "other").slice(0, 100),
      title: (call.title ?? before?.title ?? "").slice(0, TEXT_LENGTH),
      paths: [...new Set([...(before?.paths ?? []), ...pathsOf(call)])].slice(0, MOST_PATHS),
      reported: before?.reported ?? false,
    };
  }

  function remember(call: ToolCall, now: Remembered): void {
    if (!known.has(call.toolCallId) && known.size >= MOST_CALLS) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(call.toolCallId, now);
  }

  return {
    observe(call) {
      const now = merged(call);
      const acts = call.status != null && call.status !== "pending";
      remember(call, { ...now, reported: now.reported || acts });
      if (call.status === "failed") {
        const again = now.reported ? { again: true as const } : {};
        return { type: "agent.tool", name: now.kind, text: `failed: ${textOf(now)}`, ...again };
      }
      return acts && !now.reported ? { type: "agent.tool", name: now.kind, text: textOf(now) } : null;
    },
    whole: merged,
  };
}

/** Its title, with the places that the title does not name. */
export function textOf({ title, paths }: KnownCall): string {
  return [title, ...paths.filter((path) => !title.includes(path))].join(" ").trim().slice(0, TEXT_LENGTH);
}

function pathsOf({ locations, content, rawInput }: ToolCall): readonly string[] {
  const named = [
    ...(locations ?? []).map(({ path }) => path),
    ...(content ?? []).flatMap(({ type, path }) => (type === "diff" && path != null ? [path] : [])),
  ];
  const raw = typeof rawInput === "object" && rawInput !== null ? Object.entries(rawInput) : [];
  const meant = raw.flatMap(([key, value]) =>
    /path|file/i.test(key) && typeof value === "string" && value.startsWith("/") ? [value] : [],
  );
  return [...named, ...meant];
}
