import { SlowwaveError } from "../domain/failure.ts";

/** Every way in which a store says no. `store_busy` and `store_full` pass; the others need a person. */
export type StoreCode =
  | "store_busy"
  | "store_full"
  | "store_closed"
  | "store_rejected"
  | "store_directory_missing"
  | "store_network_fs"
  | "store_read_only"
  | "store_not_a_database"
  | "store_corrupt"
  | "store_foreign"
  | "store_newer"
  | "store_unavailable";

/** The original's words come first wherever the database as a whole cannot be used. */
const UNAVAILABLE = "state db unavailable";

const SENTENCES: Record<StoreCode, (path: string) => string> = {
  store_busy: (path) =>
    `The database ${path} stayed locked by another process; try again, or end the process that holds it.`,
  store_full: (path) =>
    `No space is left for the database ${path}; free some and try again. Nothing was changed.`,
  store_closed: () => "The store was closed while it was still in use; open it again.",
  store_rejected: (path) =>
    `The database ${path} refused a write that names something it does not hold, or holds already.`,
  store_directory_missing: (path) =>
    `${UNAVAILABLE}: there is no folder for ${path}; create it or choose another home.`,
  store_network_fs: (path) =>
    `${UNAVAILABLE}: ${path} is on a network file system, where locks cannot be trusted; choose a home on a local disk.`,
  store_read_only: (path) =>
    `${UNAVAILABLE}: ${path} or its folder cannot be written; change its permissions or choose another home.`,
  store_not_a_database: (path) =>
    `${UNAVAILABLE}: ${path} is not an SQLite database; move it away or choose another home.`,
  store_corrupt: (path) =>
    `${UNAVAILABLE}: ${path} is damaged; move it and its -wal and -shm files away and restore a backup.`,
  store_foreign: (path) =>
    `${UNAVAILABLE}: ${path} belongs to another program and was left untouched; choose another home.`,
  store_newer: (path) => `${UNAVAILABLE}: ${path} was written by a newer Slowwave; update this one.`,
  store_unavailable: (path) =>
    `${UNAVAILABLE}: ${path} cannot be opened or read; see the cause, and check the path, its permissions and the disk.`,
};

export function storeError(code: StoreCode, path: string, cause?: unknown): SlowwaveError {
  return new SlowwaveError(code, SENTENCES[code](path), cause === undefined ? undefined : { cause });
}
