/**
 * The store that many machines share; loaded where its address is given. For the command line and the server; nothing here
 * is promised to hosts.
 */
export { localStore } from "../engine/local-store.ts";
export { openPostgresStore } from "../persistence/postgres/index.ts";
