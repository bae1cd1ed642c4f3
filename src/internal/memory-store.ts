/** A store that keeps nothing, for looking where nothing was kept yet. For the command line; nothing here is promised to hosts. */
export { openMemoryStore } from "../persistence/memory/open.ts";
