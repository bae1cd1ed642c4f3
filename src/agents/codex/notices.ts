import { z } from "zod";

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
