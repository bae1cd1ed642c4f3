import { homedir } from "node:os";
import { fileURLToPath } from "node:url";
import { SlowwaveError } from "../domain/failure.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import {
  type AgentName,
  type Change,
  CONNECTABLE,
  type ConnectionState,
  carryOut,
  disconnect,
  type How,
  planConnection,
  type Removal,
  readPublishedMemory,
  refreshDelivery,
  type Surroundings,
  scheduleNotices,
  shownTexts,
  withConnectionLock,
} from "../internal/delivery.ts";
import { clockOf } from "../internal/engine.ts";
import { nodeFiles } from "../internal/files.ts";
import { openMemoryStore } from "../internal/memory-store.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore, openStore, rootOf } from "./store.ts";

/** What `connect`, `disconnect`, `connections` and `setup` share. */

export function agentFrom(name: string): AgentName {
  const agent = CONNECTABLE.find((one) => one === name);
  if (agent !== undefined) return agent;
  throw new SlowwaveError(
    "unknown_agent",
    `"${name}" is no agent that can be connected; there are ${CONNECTABLE.join(", ")}.`,
  );
}

/** The script that this process was started as, for whoever starts it again. */
export function programOf(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL("../../bin/slowwave.js", import.meta.url))];
}

/** What is started later is given the home alone: a memory kept elsewhere would not be found, in silence. */
export function refuseMemoryRoot({ places }: Pick<Invocation, "places">, what: string): void {
  if (places.memoryRoot === null || places.codex !== null) return;
  throw new SlowwaveError(
    "invalid_usage",
    `${what} would not know of --memory-root (SLOWWAVE_MEMORY_ROOT); keep the memory in the home, or start it yourself.`,
  );
}

export function surroundingsOf({ world, places }: Invocation): Surroundings {
  const { env } = world;
  const user = env.HOME !== undefined && env.HOME !== "" ? env.HOME : homedir();
  return { env, user, home: places.home, space: places.space, program: programOf() };
}

async function textsFor({ places }: Invocation) {
  const memory = await readPublishedMemory(nodeFiles(), rootOf(places, places.space));
  return shownTexts(memory, scheduleNotices(places.home));
}

function depsOf({ world }: Invocation, store: Pick<Store, "connections">) {
  return { connections: store.connections, files: nodeFiles(), nowMs: world.nowMs };
}

/** What connecting would do; makes nothing, not even a home. */
export async function previewConnection(
  at: Invocation,
  agent: AgentName,
  how: How,
): Promise<readonly Change[]> {
  if (how === "mcp") refuseMemoryRoot(at, "The MCP server that the agent starts");
  const store = (await openExistingStore(at.places)) ?? openMemoryStore();
  try {
    return await planConnection(depsOf(at, store), agent, how, surroundingsOf(at), await textsFor(at));
  } finally {
    await store.close();
  }
}

export async function connectAgent(at: Invocation, agent: AgentName, how: How): Promise<readonly Change[]> {
  if (how === "mcp") refuseMemoryRoot(at, "The MCP server that the agent starts");
  const store = await openStore(at.places, at.output);
  try {
    const texts = await textsFor(at);
    await refreshConnections(at, store);
    return await withConnectionLock({ store, clock: clockOf() }, async () => {
      const deps = depsOf(at, store);
      const changes = await planConnection(deps, agent, how, surroundingsOf(at), texts);
      await carryOut(deps, changes);
      return changes;
    });
  } finally {
    await store.close();
  }
}

export async function disconnectAgent(at: Invocation, agent: string): Promise<readonly Removal[]> {
  const store = await openExistingStore(at.places);
  if (store === null) return [];
  try {
    return await withConnectionLock({ store, clock: clockOf() }, () => disconnect(depsOf(at, store), agent));
  } finally {
    await store.close();
  }
}

/** Every connection of the space as it stands, after what was half done or out of date was brought up to date. */
export async function connectionStates(at: Invocation): Promise<readonly ConnectionState[]> {
  const store = await openExistingStore(at.places);
  if (store === null) return [];
  try {
    return await refreshConnections(at, store);
  } finally {
    await store.close();
  }
}

export async function refreshConnections(
  { places }: Invocation,
  store: LocalStore,
): Promise<readonly ConnectionState[]> {
  const deps = { store, files: nodeFiles(), clock: clockOf(), home: places.home };
  const where = { space: places.space, root: rootOf(places, places.space) };
  return (await refreshDelivery(deps, where)).connections;
}
