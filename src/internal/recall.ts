/**
 * The memory for a folder, as agents are shown it. Apart from connecting, since it is asked at the start of sessions.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { namesOf } from "../delivery/folders.ts";
export { readPublishedMemory, withKnownFolders } from "../delivery/published-memory.ts";
export { FEWEST_RECALL_TOKENS, RECALL_TOKENS, recallOf } from "../delivery/recall.ts";
export { scheduleNotices } from "../delivery/schedule-state.ts";
