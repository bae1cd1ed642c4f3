/**
 * Where a Codex home keeps its memory. Apart from the store around it, since every command looks for its places first.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { type CodexHome, NOTES_FOLDER, readCodexHome } from "../codex-home/home.ts";
