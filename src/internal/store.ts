/**
 * The folders and the store of a home. For the command line and the server; nothing here is promised to hosts.
 */
export { createHome } from "../engine/home.ts";
export { openSqliteStore } from "../persistence/sqlite/index.ts";
