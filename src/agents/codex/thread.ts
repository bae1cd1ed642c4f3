import { z } from "zod";
import type { AgentSpec } from "../../domain/agent.ts";
import type { Connection } from "./connection.ts";

/**
 * Tells the whole patch again with each change of it, and nothing of it is used. The pieces in which messages and
 * outputs come are not used either, but they are signs of life: a long message may take longer than silence may last.
 */
const UNHEARD = ["turn/diff/updated"];

const configAnswer = z.object({
  config: z.object({ mcp_servers: z.record(z.string(), z.unknown()).nullish() }),
});
const threadAnswer = z.object({
  thread: z.object({ id: z.string().min(1), ephemeral: z.literal(true) }),
  approvalPolicy: z.literal("never"),
});
const turnAnswer = z.object({ turn: z.object({ id: z.string() }) });

/**
 * Greets Codex and opens a thread that leaves no trace in its home: no row, no memory made or used, no tool
 * beside its own shell and patches. Answers with the thread's id.
 */
export async function openThread(codex: Connection, spec: AgentSpec): Promise<string> {
  await codex.ask("initialize", {
    clientInfo: { name: "slowwave", title: "Slowwave", version: "1" },
    capabilities: { experimentalApi: true, requestAttestation: false, optOutNotificationMethods: UNHEARD },
  });
  codex.tell("initialized");
  const { config } = understood(configAnswer, await codex.ask("config/read", { includeLayers: false }));
  const answer = await codex.ask("thread/start", {
    cwd: spec.workspace,
    sandbox: "workspace-write",
    approvalPolicy: spec.approvals,
    ephemeral: true,
    model: spec.model,
    config: lockedDown(spec, Object.keys(config.mcp_servers ?? {})),
  });
  const { data } = threadAnswer.safeParse(answer);
  if (data !== undefined) return data.thread.id;
  throw new Error("Codex did not open an ephemeral thread without approvals; use version 0.169.0 or later");
}

function lockedDown({ key }: AgentSpec, servers: readonly string[]) {
  return {
    "features.memories": false,
    "memories.use_memories": false,
    "memories.generate_memories": false,
    "features.goals": false,
    "features.multi_agent": false,
    "features.apps": false,
    "features.plugins": false,
    "features.hooks": false,
    web_search: "disabled",
    // The person's own tools run outside the sandbox, and their program hears of turns, not of ours.
    mcp_servers: Object.fromEntries(servers.map((name) => [name, { enabled: false }])),
    notify: [],
    // What lies in the workspace is data, an AGENTS.md too.
    project_doc_max_bytes: 0,
    // Commands see no key of ours, but bear the mark by which they are found again.
    shell_environment_policy: { inherit: "core", set: { SLOWWAVE_RUN: key } },
  };
}

/** Starts a turn and answers with its id. The policy of the turn is what closes the temporary folders. */
export async function startTurn(
  codex: Connection,
  threadId: string,
  spec: AgentSpec,
  text: string,
): Promise<string> {
  const answer = await codex.ask("turn/start", {
    threadId,
    input: [{ type: "text", text, text_elements: [] }],
    cwd: spec.workspace,
    approvalPolicy: spec.approvals,
    ...(spec.effort === null ? {} : { effort: spec.effort }),
    sandboxPolicy: {
      type: "workspaceWrite",
      writableRoots: [spec.workspace],
      networkAccess: false,
      excludeTmpdirEnvVar: true,
      excludeSlashTmp: true,
    },
  });
  return understood(turnAnswer, answer).turn.id;
}

/** Adds a word to the turn under way. Rejects when that turn is over. */
export async function steerTurn(
  codex: Connection,
  { threadId, turnId }: { readonly threadId: string; readonly turnId: string },
  text: string,
): Promise<void> {
  await codex.ask("turn/steer", {
    threadId,
    expectedTurnId: turnId,
    input: [{ type: "text", text, text_elements: [] }],
  });
}

/** The validator's own words are for programmers. */
function understood<T>(schema: z.ZodType<T>, answer: unknown): T {
  const found = schema.safeParse(answer);
  if (found.success) return found.data;
  throw new Error("Codex gave an answer that is not understood; use version 0.169.0 or later");
}
