import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Owners } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";
import { type Hold, holdExclusively, lookAt } from "./hold.ts";

/**
 * Processes as files: each holds an exclusive lock on one of its own for its whole life, which the kernel drops when
 * it dies, however it dies. Nothing else opens these files, and they stay empty.
 *
 *   <folder>/<owner>.db          an owner that lives, or one that died and was not asked for yet
 *   <folder>/locks/<name>.db     a named lock; stays, so that nobody ever locks a file that was just removed
 */
export function fileOwners(folder: string): Owners & { releaseAll(): void } {
  const locks = join(folder, "locks");
  const held = new Set<Hold>();

  function keep(hold: Hold): () => Promise<void> {
    held.add(hold);
    return async () => {
      held.delete(hold);
      hold.release();
    };
  }

  return {
    register: async (owner) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${fileNameOf(owner)}.db`);
      const hold = holdExclusively(path, { removeAfterwards: true });
      if (hold === null) throw storeError("store_busy", path);
      return { unregister: keep(hold) };
    },
    probe: async (owner) => lookAt(join(folder, `${fileNameOf(owner)}.db`)),
    lock: async (name) => {
      mkdirSync(locks, { recursive: true });
      const hold = holdExclusively(join(locks, `${fileNameOf(name)}.db`), { removeAfterwards: false });
      return hold === null ? null : { unlock: keep(hold) };
    },
    releaseAll: () => {
      for (const hold of held) hold.release();
      held.clear();
    },
  };
}

/** Readable where that is safe on every file system; else a hash, so that no two names meet, not even by case. */
function fileNameOf(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) return name;
  return `_${createHash("sha256").update(name).digest("hex")}`;
}
