import type { ConnectionStore } from "../../domain/connection.ts";
import type { MemoryWorld } from "./world.ts";

export function memoryConnections({ connections }: Pick<MemoryWorld, "connections">): ConnectionStore {
  return {
    list: async () =>
      [...connections.values()].sort(
        (a, b) => compare(a.agent, b.agent) || compare(a.path, b.path) || compare(a.id, b.id),
      ),
    save: async (connection) => void connections.set(connection.id, { ...connection }),
    remove: async (id) => void connections.delete(id),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
