import Database from "better-sqlite3";
import { patiently } from "./patience.ts";

/**
 * Writes the database anew without its free pages, and empties the write-ahead log: what was deleted is then in no
 * file of it. Other processes may go on; while one of them reads, the log cannot be emptied.
 */
export async function compact(
  db: Database.Database,
  patience: { readonly path: string; readonly patienceMs: number },
): Promise<void> {
  await patiently(() => db.exec("vacuum"), patience);
  await patiently(() => {
    const [answer] = db.pragma("wal_checkpoint(truncate)") as { busy: number }[];
    if (answer?.busy === 1)
      throw new Database.SqliteError("the write-ahead log is being read", "SQLITE_BUSY");
  }, patience);
}
