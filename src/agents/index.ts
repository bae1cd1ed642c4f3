/** Agents a run can be given, and rooms for them: `slowwave/agents`. One's own: the docstrings of `AgentRunner`. */
export type {
  AgentConfig,
  AgentEvent,
  AgentHandle,
  AgentRunner,
  AgentSpec,
  AgentUsage,
} from "../domain/agent.ts";
export type { Command } from "../process/supervised-process.ts";
export type { Room, Sandbox, SandboxName, SandboxProbe } from "../sandbox/sandbox.ts";
export { sandboxNamed } from "../sandbox/sandbox-named.ts";
export type { AcpPresetName } from "./acp/presets.ts";
export type { AcpAgentOptions } from "./acp-agent.ts";
export { acpAgent } from "./acp-agent.ts";
export type { CodexAgentOptions } from "./codex-agent.ts";
export { codexAgent } from "./codex-agent.ts";
export type { ExtractiveAgentOptions } from "./extractive-agent.ts";
export { extractiveAgent } from "./extractive-agent.ts";
export type { AgentFunction, AgentReport, AgentTask, FunctionAgentOptions } from "./function-agent.ts";
export { functionAgent } from "./function-agent.ts";
