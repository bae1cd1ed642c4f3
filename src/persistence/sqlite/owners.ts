import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { codeOf } from "../../domain/failure.ts";
import type { Liveness, Locks } from "../../domain/ports.ts";
import { lockFileName, probeLock } from "../../process/file-lock.ts";
import { type Holders, heldLocks, isAlive, locksIn } from "../../process/local-locks.ts";
import type { ProcessIdentity } from "../../process/process-record.ts";
import { storeError } from "../errors.ts";
import { translated } from "./patience.ts";
import type { Writer } from "./writer.ts";

/** Who lives, and the locks of this machine; closing the store frees both. */
export interface LocalOwners {
  readonly liveness: Liveness;
  readonly locks: Locks;
  releaseAll(): Promise<void>;
}

/**
 * Processes as files: each holds an exclusive lock on one of its own for its whole life, which the kernel drops when
 * it dies, however it dies. These files stay empty.
 *
 *   <folder>/<owner>.db          an owner that lives, or one that died and was not asked for yet
 *   <folder>/locks/<name>.db     a named lock that is held, or was when its process was killed
 *
 * A host that reads these files, or clears the folder, loses its locks; so the database names the holders. A free lock
 * proves a death only where that process is gone, or where it can't be looked at from here (another container, no /proc).
 */
export function fileOwners(folder: string, holders: Holders): LocalOwners {
  const held = heldLocks(holders);
  const acquire: typeof held.acquire = (path, ...of) =>
    held.acquire(path, ...of).catch((error: unknown) => {
      throw translated(error, path);
    });
  const pathOf = (owner: string) => join(folder, lockFileName(owner));
  return {
    liveness: {
      ttlMs: null,
      sinceBeatMs: () => 0,
      register: async (owner) => {
        mkdirSync(folder, { recursive: true });
        const unregister = await acquire(pathOf(owner), `owner ${owner}`);
        if (unregister === null) throw storeError("store_busy", pathOf(owner));
        return { unregister };
      },
      probe: async (owner) => {
        const verdict = probeLock(pathOf(owner));
        if (verdict !== "dead") return verdict;
        const holder = await holders.read(`owner ${owner}`).catch(nullWhenClosed);
        if (holder !== null && isAlive(holder)) return "alive";
        rmSync(pathOf(owner), { force: true });
        return "dead";
      },
    },
    locks: locksIn(join(folder, "locks"), { acquire }),
    releaseAll: held.releaseAll,
  };
}

/** A closed store can still tell what the locks say. */
function nullWhenClosed(error: unknown): null {
  if (codeOf(error) === "store_closed") return null;
  throw error;
}

export function holderTable(db: Database.Database, { write, read }: Writer): Holders {
  const select = db.prepare<[string], ProcessIdentity>(
    `select pid, start_time as startTime, boot_id as bootId, pid_namespace as pidNamespace
     from holders where name = ?`,
  );
  const insert = db.prepare<ProcessIdentity & { name: string }>(
    `insert or replace into holders (name, pid, start_time, boot_id, pid_namespace)
     values (@name, @pid, @startTime, @bootId, @pidNamespace)`,
  );
  const remove = db.prepare<[string]>("delete from holders where name = ?");
  return {
    read: (name) => read(() => select.get(name) ?? null),
    put: (name, holder) => write(() => void insert.run({ ...holder, name })),
    remove: (name) => write(() => void remove.run(name)),
  };
}
