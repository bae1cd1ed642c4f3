/**
 * Showing a memory to agents and to people.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { namesOf } from "../delivery/folders.ts";
export { listMemory, readMemoryFile, searchMemory } from "../delivery/memory-files.ts";
export { readPublishedMemory } from "../delivery/published-memory.ts";
export { FEWEST_RECALL_TOKENS, RECALL_TOKENS, recallOf } from "../delivery/recall.ts";
