import { join } from "node:path";
import type { LocalStore, Locks, Store } from "../domain/ports.ts";

/** The store with the locks of this machine: its own where it brings them, else files in the home's `owners/locks`. */
export function localStore(store: Store | LocalStore, home: string): LocalStore {
  return "locks" in store ? store : withLocks(store, homeLocks(home));
}

/** Whatever kind of object the store is: its methods still get it as their `this`. */
function withLocks(store: Store, locks: Locks): LocalStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "locks") return locks;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  }) as LocalStore;
}

/** Loaded at the first lock, since most stores bring theirs. */
function homeLocks(home: string): Locks {
  let made: Promise<Locks> | null = null;
  const load = async () => {
    const { createLocalLocks } = await import("../process/local-locks.ts");
    return createLocalLocks(join(home, "owners", "locks"));
  };
  return {
    lock: async (name) => {
      made ??= load();
      return (await made).lock(name);
    },
  };
}
