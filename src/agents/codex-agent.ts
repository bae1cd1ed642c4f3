import type { AgentHandle, AgentRunner, AgentSpec } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { OutputLimits } from "../process/line-reader.ts";
import { endOrphanProcess } from "../process/tree.ts";
import { agentStream } from "./agent-stream.ts";
import {
  type CodexProgramOptions,
  codexCommand,
  codexMissing,
  codexProgram,
  probeCodex,
} from "./codex/command.ts";
import { type Connection, connectCodex, openThread } from "./codex/connection.ts";
import { followTurns, type OpenThread } from "./codex/turns.ts";
import { turnHandle } from "./conversation.ts";

export interface CodexAgentOptions extends CodexProgramOptions {
  /** For one answer of Codex; a turn may take as long as the run's limits allow. */
  readonly patienceMs?: number;
  /** To stop when asked, before it is ended. */
  readonly graceMs?: number;
  readonly limits?: OutputLimits;
}

const PATIENCE_MS = 30_000;
const GRACE_MS = 5_000;
/** One line may carry a whole patch. */
const LIMITS: OutputLimits = { maxLineBytes: 8 * 1024 * 1024, maxOutputBytes: 128 * 1024 * 1024 };

/**
 * Codex, by `codex app-server`: its own sandbox with the network closed, no approvals, a thread that is kept
 * nowhere, with the person's account and settings. A repair is a further turn of the same thread. Failures to start
 * reject with `agent_not_started`.
 *
 * @example
 * ```ts
 * const engine = createEngine({ store, home, agent: codexAgent(), model: "gpt-5" });
 * codexAgent({ command: ["/opt/codex/bin/codex"], environment: ["CORP_PROVIDER_KEY"] });
 * ```
 */
export function codexAgent(options: CodexAgentOptions = {}): AgentRunner {
  return {
    name: "codex",
    network: "open",
    findMissing: async () => ((await codexProgram(options)) === null ? codexMissing(options) : null),
    probe: () => probeCodex(options),
    spawn: (spec, clock, signal) => startCodex(options, spec, clock, signal),
    endOrphan: endOrphanProcess,
  };
}

async function startCodex(
  options: CodexAgentOptions,
  spec: AgentSpec,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<AgentHandle> {
  const { patienceMs = PATIENCE_MS, graceMs = GRACE_MS, limits = LIMITS } = options;
  const stream = agentStream();
  let thread: OpenThread | null = null;

  const turns = followTurns({
    spec,
    stream,
    connection() {
      if (thread === null) throw new Error("the thread is not open");
      return thread;
    },
  });
  const codex = await connectCodex({
    spec,
    clock,
    patienceMs,
    graceMs,
    limits,
    command: () => codexCommand(options, spec),
    onNotice: (method, params) => {
      if (thread !== null) turns.onNotice(method, params);
    },
  });
  const threadId = await openedThread(codex, spec, signal);
  thread = { codex, threadId, own: codex.look() };
  stream.emit({ type: "agent.starting" });
  turns.begin(spec.prompt);
  return turnHandle({
    id: spec.key,
    threadId,
    sandbox: "codex",
    stream,
    process: codex,
    clock,
    graceMs,
    turns,
  });
}

async function openedThread(
  codex: Connection,
  spec: AgentSpec,
  signal: AbortSignal | undefined,
): Promise<string> {
  const giveUp = () => codex.kill();
  signal?.addEventListener("abort", giveUp);
  try {
    signal?.throwIfAborted();
    return await openThread(codex, spec);
  } catch (cause) {
    codex.kill();
    await codex.gone;
    throw new SlowwaveError("agent_not_started", 'The agent "codex" could not be started.', { cause });
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}
