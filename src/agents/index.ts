/** Agents a run can be given, and sandboxes for them: `slowwave/agents`. One's own: the docstrings of `AgentRunner`. */
export type {
  AgentConfig,
  AgentEvent,
  AgentHandle,
  AgentLimits,
  AgentProbe,
  AgentRunner,
  AgentSpec,
  AgentUsage,
} from "../domain/agent.ts";
export type { Clock } from "../domain/clock.ts";
export type { Program } from "../process/environment.ts";
export type { OutputLimits } from "../process/line-reader.ts";
export type { Command } from "../process/supervised-process.ts";
export { sandboxNamed } from "../sandbox/bubblewrap.ts";
export type { Sandbox, SandboxName, SandboxNetwork, SandboxProbe, SandboxSpec } from "../sandbox/sandbox.ts";
export type { AcpProgramOptions } from "./acp/command.ts";
export type { AcpPresetName } from "./acp/presets.ts";
export { type AcpAgentOptions, acpAgent } from "./acp-agent.ts";
export type { CodexProgramOptions } from "./codex/command.ts";
export { type CodexAgentOptions, codexAgent } from "./codex-agent.ts";
export { type ExtractiveAgentOptions, extractiveAgent } from "./extractive-agent.ts";
export {
  type AgentFunction,
  type AgentReport,
  type AgentTask,
  type FunctionAgentOptions,
  functionAgent,
  type MemoryGroup,
  type MemoryStatement,
  type MemoryTask,
  readSummaries,
  type SessionSummary,
  writeMemory,
} from "./function-agent.ts";
