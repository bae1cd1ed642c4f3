/**
 * Every agent that the command line can start.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { ACP_PRESETS, type AcpPresetName } from "../agents/acp/presets.ts";
export { type AcpAgentOptions, acpAgent } from "../agents/acp-agent.ts";
export { codexAgent } from "../agents/codex-agent.ts";
export { extractiveAgent } from "../agents/extractive-agent.ts";
export { findOrphans } from "../process/tree.ts";
