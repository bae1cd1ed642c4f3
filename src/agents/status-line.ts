import { z } from "zod";
import type { AgentEvent } from "../domain/agent.ts";

/**
 * One line of NDJSON on the stdout of an agent of ours. The last two are final; what follows them is ignored.
 *
 *   {"type":"running"}                       {"type":"usage","usage":{"turns":1,"inputTokens":null,…}}
 *   {"type":"message","text":"…"}            {"type":"completed","message":"…"}
 *   {"type":"thought","text":"…"}            {"type":"errored","message":"…"}
 *   {"type":"tool","name":"…","text":"…"}
 */
const schema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("running") }),
  z.object({ type: z.literal("message"), text: z.string() }),
  z.object({ type: z.literal("thought"), text: z.string() }),
  z.object({ type: z.literal("tool"), name: z.string(), text: z.string().default("") }),
  z.object({ type: z.literal("usage"), usage: z.unknown() }),
  z.object({ type: z.literal("completed"), message: z.string().nullable().default(null) }),
  z.object({ type: z.literal("errored"), message: z.string() }),
]);

export type StatusLine = z.infer<typeof schema>;

/** Null for a line that is none of these. */
export function parseStatusLine(line: string): StatusLine | null {
  try {
    return schema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

export type ReportLine = Exclude<StatusLine, { type: "completed" | "errored" | "usage" }>;

export function eventOf(line: ReportLine): AgentEvent {
  switch (line.type) {
    case "running":
      return { type: "agent.running" };
    case "message":
      return { type: "agent.message", text: line.text };
    case "thought":
      return { type: "agent.thought", text: line.text };
    case "tool":
      return { type: "agent.tool", name: line.name, text: line.text };
  }
}
