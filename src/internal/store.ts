/**
 * The folders and the store of a home. For the command line and the server; nothing here is promised to hosts.
 */
export { adoptHomeId, createHome, ownerOfFolder, refuseForeignHome } from "../engine/home.ts";
export { adoptHome, findHomeCopy, homeCopyMessage } from "../engine/home-place.ts";
export { defaultRoot } from "../memory-files/memory-path.ts";
export { backupDatabase, restoreDatabase } from "../persistence/sqlite/backup.ts";
export { openSqliteStore } from "../persistence/sqlite/index.ts";
