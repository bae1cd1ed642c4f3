import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { causeOf } from "../../domain/failure.ts";
import { quoted } from "../quoted.ts";
import type { Invocation } from "../shell.ts";
import { type Check, failure, fine } from "./check.ts";

/** Every page of the database, read through a connection that cannot write. */
export function checkStore({ places: { database } }: Invocation): Check {
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
    return damaged(database, causeOf(error));
  }
}

function damaged(database: string, why: string): Check {
  return failure("store", `${database}: ${why}`, `mv ${quoted(database)} ${quoted(`${database}.damaged`)}`);
}
