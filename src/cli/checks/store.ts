import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { causeOf } from "../../domain/failure.ts";
import { quoted } from "../quoted.ts";
import type { Invocation } from "../shell.ts";
import { type Check, failure, fine } from "./check.ts";

/** Every page of the database, read through a connection that cannot write. */
export function checkStore({ places: { database } }: Pick<Invocation, "places">, free = freeBytes): Check {
  if (!existsSync(database)) return fine("store", `${database} is not there yet`);
  try {
    const db = new Database(database, { readonly: true, fileMustExist: true, timeout: 5_000 });
    try {
      const verdict = String(db.pragma("quick_check(1)", { simple: true }));
      const version = String(db.pragma("user_version", { simple: true }));
      const mode = String(db.pragma("journal_mode", { simple: true }));
      return verdict === "ok"
        ? fine("store", `${database} is whole (schema ${version}, ${mode})`)
        : damaged(database, verdict);
    } finally {
      db.close();
    }
  } catch (error) {
    return unreadable(database, error, free);
  }
}

const LITTLE_BYTES = 1024 ** 2;

/** A file that can't be opened is not damaged for that: nothing may be moved away which a little room would bring back. */
function unreadable(database: string, error: unknown, free: typeof freeBytes): Check {
  const why = causeOf(error);
  if (free(database) < LITTLE_BYTES) {
    return failure(
      "store",
      `${database}: ${why}; the disk is full: free some space, the database itself is not damaged`,
    );
  }
  const code = String((error as { code?: unknown }).code);
  return /^SQLITE_(?:CORRUPT|NOTADB)/.test(code)
    ? damaged(database, why)
    : failure(
        "store",
        `${database}: ${why}; check the disk and its permissions, and leave the file where it is`,
      );
}

/** Its log and index belong to it: beside a new database they would spoil that one. */
function damaged(database: string, why: string): Check {
  const files = [database, `${database}-wal`, `${database}-shm`]
    .filter((file) => existsSync(file))
    .map(quoted);
  const aside = quoted(`${database}.damaged`);
  return failure("store", `${database}: ${why}`, `mkdir ${aside} && mv ${files.join(" ")} ${aside}/`);
}

function freeBytes(database: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(database));
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
