import { z } from "zod";

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

export type ToolCall = z.infer<typeof toolCall>;
export type Update = z.infer<typeof update>;
export type PermissionRequest = z.infer<typeof permissionRequest>;
export type ConfigOption = z.infer<typeof configOption>;
export type SessionAnswer = z.infer<typeof sessionAnswer>;
export type PromptAnswer = z.infer<typeof promptAnswer>;
