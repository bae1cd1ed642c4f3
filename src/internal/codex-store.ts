/**
 * Consolidating in the place of Codex.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { markCodexRoot } from "../codex-home/baseline.ts";
export { CodexLock } from "../codex-home/lock.ts";
export { codexStore } from "../codex-home/store.ts";
export { CodexTables } from "../codex-home/tables.ts";
