import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { SlowwaveError } from "../domain/failure.ts";
import type { Locks } from "../domain/ports.ts";
import { type FileLock, lockFile, lockFileName } from "./file-lock.ts";
import { identityOf, isLiving, isStill, type ProcessIdentity, readStat } from "./process-record.ts";

/**
 * Which process holds a named file lock. POSIX drops every lock of a process on a file as soon as the process closes any
 * descriptor of it: a host that reads the files of its own home (a backup) loses them without a word. So each holder is
 * also named, with what tells its process from any other.
 */
export interface Holders {
  read(name: string): Promise<ProcessIdentity | null>;
  put(name: string, holder: ProcessIdentity): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Locks that also name their holders; `releaseAll` frees what is held. */
export interface HeldLocks {
  /**
   * Null when another process holds it, by its lock or by what is known of its holder. Answers how to release it, which
   * removes the file. `gate`: the file under whose lock this one is opened and removed, where others may want it, too.
   */
  acquire(path: string, name: string, gate?: string): Promise<(() => Promise<void>) | null>;
  releaseAll(): Promise<void>;
}

export function heldLocks(holders: Holders): HeldLocks {
  const held = new Map<FileLock, { readonly name: string; readonly gate: string | undefined }>();

  async function release(lock: FileLock): Promise<void> {
    const holding = held.get(lock);
    // Released twice, the name may be another holder's by now.
    if (holding === undefined) return;
    held.delete(lock);
    const { name, gate } = holding;
    // A record that stays names a process that will be gone.
    await holders.remove(name).catch(() => {});
    await throughGate(gate, () => lock.release({ remove: true })).catch(() => {});
    // Where the gate could not be had, or its folder is gone, the file stays for the next holder.
    lock.release({ remove: false });
  }

  return {
    acquire: async (path, name, gate) => {
      const lock = await throughGate(gate, () => lockFile(path));
      if (lock === null) return null;
      try {
        const holder = await holders.read(name);
        const isAnothers = holder !== null && isAlive(holder) && holder.pid !== process.pid;
        if (!isAnothers) {
          await holders.put(name, identityOf(process.pid));
          held.set(lock, { name, gate });
          return () => release(lock);
        }
      } catch (error) {
        lock.release({ remove: false });
        throw error;
      }
      lock.release({ remove: false });
      return null;
    },
    releaseAll: async () => {
      await Promise.all([...held.keys()].map(release));
    },
  };
}

/** Who opens a lock's file, and who removes it, holds this one meanwhile. No name's file is called so. */
const GATE = "-gate.db";
const GATE_TRIES = 100;
const GATE_RETRY_MS = 5;

/** Null when the gate could not be had for half a second: it is held for a few milliseconds at a time. */
async function throughGate<Result>(gate: string | undefined, work: () => Result): Promise<Result | null> {
  if (gate === undefined) return work();
  for (let attempt = 0; attempt < GATE_TRIES; attempt += 1) {
    const held = lockFile(gate);
    if (held !== null) {
      try {
        return work();
      } finally {
        held.release({ remove: false });
      }
    }
    await setTimeout(GATE_RETRY_MS);
  }
  return null;
}

export function isAlive(holder: ProcessIdentity): boolean {
  return isStill(holder) && isLiving(readStat(holder.pid));
}

/**
 * Locks by name, each a file of the folder that goes with its lock: a home of many spaces would have one for each for ever.
 * A killed process leaves its file to the next holder.
 */
export function locksIn(folder: string, { acquire }: Pick<HeldLocks, "acquire">): Locks {
  return {
    lock: async (name) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, lockFileName(name));
      const unlock = await acquire(path, `lock ${name}`, join(folder, GATE));
      return unlock === null ? null : { unlock };
    },
  };
}

/**
 * The locks of one machine for a store that is not on it: files in a folder of the home, where every process of the home
 * finds them. Rejects with `home_unavailable` when the folder can't be written.
 */
export function createLocalLocks(folder: string): Locks {
  const locks = locksIn(folder, heldLocks(holderFiles(folder)));
  return {
    lock: (name) =>
      locks.lock(name).catch((error: unknown) => {
        throw new SlowwaveError(
          "home_unavailable",
          `No lock can be made in ${folder}; check its permissions and the disk, or choose another home.`,
          { cause: error },
        );
      }),
  };
}

/** A file beside each lock says who holds it: the lock itself is never read. */
function holderFiles(folder: string): Holders {
  const pathOf = (name: string) => join(folder, `${lockFileName(name)}.holder`);
  return {
    read: async (name) => {
      try {
        return JSON.parse(readFileSync(pathOf(name), "utf8")) as ProcessIdentity;
      } catch {
        return null;
      }
    },
    put: async (name, holder) => writeFileSync(pathOf(name), JSON.stringify(holder), { mode: 0o600 }),
    remove: async (name) => rmSync(pathOf(name), { force: true }),
  };
}
