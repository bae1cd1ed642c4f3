import type { Owners } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";

/** Owners of one process: `held` names the living and the locks, and `unregister` is death. */
export function memoryOwners(held: Set<string>): Owners & { releaseAll(): Promise<void> } {
  const own = new Map<symbol, string>();

  function hold(key: string): (() => Promise<void>) | null {
    if (held.has(key)) return null;
    const hold = Symbol(key);
    held.add(key);
    own.set(hold, key);
    return async () => {
      // Released twice, it may be another's by now.
      if (own.delete(hold)) held.delete(key);
    };
  }

  return {
    register: async (owner) => {
      const unregister = hold(`owner ${owner}`);
      if (unregister === null) throw storeError("store_busy", `owner ${owner}`);
      return { unregister };
    },
    probe: async (owner) => (held.has(`owner ${owner}`) ? "alive" : "dead"),
    lock: async (name) => {
      const unlock = hold(`lock ${name}`);
      return unlock === null ? null : { unlock };
    },
    releaseAll: async () => {
      for (const key of own.values()) held.delete(key);
      own.clear();
    },
  };
}
