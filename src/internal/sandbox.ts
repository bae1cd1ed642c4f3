/**
 * The sandboxes that hold an agent, and the program an agent is started as.
 * For the command line and the server; nothing here is promised to hosts.
 */
export type { Program } from "../process/environment.ts";
export { sandboxNamed } from "../sandbox/bubblewrap.ts";
export { SANDBOX_NAMES, type SandboxName } from "../sandbox/sandbox.ts";
