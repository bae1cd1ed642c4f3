import type { LocalStore } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";
import { machineNowMs } from "../machine-clock.ts";
import { memoryAdmissions } from "./admissions.ts";
import { memoryGenerations } from "./generations.ts";
import { memoryJobs } from "./jobs.ts";
import { memoryMemories } from "./memories.ts";
import { memoryRetention, memoryRuns } from "./runs.ts";
import { memoryConnections, memoryProjects, memorySessions } from "./sessions.ts";
import { createMemoryWorld, type MemoryWorld, memoryOwners } from "./world.ts";

/**
 * The same answers as the SQLite store, gone with the process. For tests, and for hosts that need nothing kept.
 * Stores opened on one `world` compete as processes on one database do; closing one frees what it held.
 *
 * ```ts
 * const world = createMemoryWorld();
 * const [one, other] = [openMemoryStore({ world }), openMemoryStore({ world })];
 * ```
 */
export function openMemoryStore({
  world = createMemoryWorld(),
  nowMs = machineNowMs,
}: {
  readonly world?: MemoryWorld;
  /** The time, Unix milliseconds, by which jobs become due one before the other. Default: the machine's. */
  readonly nowMs?: () => number;
} = {}): LocalStore {
  const owners = memoryOwners(world.held);
  let isClosed = false;
  return {
    clock: "caller",
    nowMs: async () => nowMs(),
    jobs: guarded(memoryJobs(world, nowMs)),
    admissions: guarded(memoryAdmissions(world)),
    memories: guarded(memoryMemories(world, nowMs)),
    runs: guarded(memoryRuns(world)),
    generations: guarded(memoryGenerations(world)),
    liveness: owners.liveness,
    locks: owners.locks,
    sessions: guarded(memorySessions(world, nowMs)),
    projects: guarded(memoryProjects(world)),
    connections: guarded(memoryConnections(world)),
    retire: async (request) => {
      if (isClosed) throw storeError("store_closed", "in memory");
      return memoryRetention(world, request);
    },
    // Nothing is left of what was deleted from memory.
    compact: async () => {
      if (isClosed) throw storeError("store_closed", "in memory");
    },
    close: async () => {
      isClosed = true;
      await owners.releaseAll();
    },
  };

  function guarded<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name, receiver) => {
        const method: unknown = Reflect.get(target, name, receiver);
        if (!isClosed || typeof method !== "function") return method;
        return () => Promise.reject(storeError("store_closed", "in memory"));
      },
    });
  }
}
