/**
 * Showing a memory to agents and to people.
 * For the command line and the server; nothing here is promised to hosts.
 */

export {
  AGENT_TITLES,
  type AgentName,
  CONNECTABLE,
  HOWS,
  type How,
  isAgentHere,
  type Surroundings,
  WAYS,
} from "../delivery/agent-places.ts";
export {
  agentTitle,
  type Change,
  type ConnectionState,
  carryOut,
  checkConnections,
  disconnect,
  planConnection,
  type Removal,
} from "../delivery/connect.ts";
export { listMemory, readMemoryFile, searchMemory } from "../delivery/memory-files.ts";
export { readPublishedMemory, withKnownFolders } from "../delivery/published-memory.ts";
export { refreshDelivery, withConnectionLock } from "../delivery/refresh.ts";
export { scheduleNotices } from "../delivery/schedule-state.ts";
export { shownTexts } from "../delivery/shown-texts.ts";
