import type { AgentHandle, AgentRunner, AgentSpec } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { OutputLimits } from "../process/line-reader.ts";
import { endOrphanProcess } from "../process/tree.ts";
import { sandboxNamed } from "../sandbox/bubblewrap.ts";
import type { SandboxName } from "../sandbox/sandbox.ts";
import {
  type AcpProgramOptions,
  acpCommand,
  acpMissing,
  acpProgram,
  presetOf,
  probeAcp,
  titleOf,
} from "./acp/command.ts";
import { type AcpConnection, connectAcp, openSession } from "./acp/connection.ts";
import { followTurns } from "./acp/turns.ts";
import { agentStream } from "./agent-stream.ts";
import { turnHandle } from "./conversation.ts";

export interface AcpAgentOptions extends AcpProgramOptions {
  /** What keeps it in its workspace; default `bubblewrap`. */
  readonly sandbox?: SandboxName;
  /** For each answer before the work begins; a turn may take as long as the run's limits allow. */
  readonly patienceMs?: number;
  /** To stop when asked, before it is ended. */
  readonly graceMs?: number;
  /** To exit by itself when its stdin closes; agents that do not are ended without loss. */
  readonly closeMs?: number;
  readonly limits?: OutputLimits;
}

/** Native agents unpack themselves on their first start. */
const PATIENCE_MS = 60_000;
const GRACE_MS = 3_000;
const CLOSE_MS = 1_000;
/** One line may carry a whole file. */
const LIMITS: OutputLimits = { maxLineBytes: 8 * 1024 * 1024, maxOutputBytes: 128 * 1024 * 1024 };

/**
 * Any agent that speaks the Agent Client Protocol: in a sandbox with a home of its own, granted what stays in its
 * workspace. A repair is a further prompt in the same session. Failures to start reject with `agent_not_started`.
 *
 * @example
 * ```ts
 * acpAgent({ preset: "gemini" });
 * acpAgent({ preset: "opencode", newSecret: randomUUID });
 * acpAgent({ command: ["my-agent", "--acp"], environment: ["MY_AGENT_KEY"] });
 * ```
 */
export function acpAgent(options: AcpAgentOptions): AgentRunner {
  const name = options.preset ?? "acp";
  const sandbox = sandboxNamed(options.sandbox ?? "bubblewrap");
  return {
    name,
    network: "open",
    findMissing: async () => ((await acpProgram(options)) === null ? acpMissing(options) : null),
    probe: () => probeAcp(options, sandbox),
    spawn: (spec, clock, signal) => startAcp(name, options, { spec, clock, signal }),
    endOrphan: endOrphanProcess,
  };
}

interface Start {
  readonly spec: AgentSpec;
  readonly clock: Clock;
  /** Aborted when the agent is not wanted any more. */
  readonly signal: AbortSignal | undefined;
}

async function startAcp(
  name: string,
  options: AcpAgentOptions,
  { spec, clock, signal }: Start,
): Promise<AgentHandle> {
  const { patienceMs = PATIENCE_MS, graceMs = GRACE_MS, closeMs = CLOSE_MS, limits = LIMITS } = options;
  const sandbox = sandboxNamed(options.sandbox ?? "bubblewrap");
  const title = titleOf(options);
  const preset = presetOf(options);
  const stream = agentStream();
  let session: { readonly agent: AcpConnection; readonly sessionId: string } | null = null;

  const turns = followTurns({
    spec,
    clock,
    title,
    stream,
    policy: { isConfined: sandbox.name !== "none", asksToLeave: preset?.nested ?? false },
    connection: () => session,
  });
  const agent = await connectAcp({
    agent: name,
    title,
    spec,
    clock,
    limits,
    graceMs,
    closeMs,
    command: () => acpCommand(options, sandbox, spec),
    onUpdate: (params) => turns.onUpdate(params),
    onPermission: (request) => turns.permit(request),
  });
  const giveUp = () => agent.kill();
  signal?.addEventListener("abort", giveUp);
  try {
    signal?.throwIfAborted();
    const mode = preset?.mode ?? null;
    session = { agent, sessionId: await openSession({ agent, spec, title, patienceMs, mode }) };
  } catch (cause) {
    agent.kill();
    await agent.gone;
    throw new SlowwaveError("agent_not_started", `The agent "${name}" could not be started.`, { cause });
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
  stream.emit({ type: "agent.starting" });
  turns.begin(spec.prompt);
  return turnHandle({
    id: spec.key,
    threadId: session.sessionId,
    sandbox: sandbox.name,
    stream,
    process: agent,
    clock,
    graceMs,
    turns,
  });
}
