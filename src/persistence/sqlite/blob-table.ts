import type { Database } from "better-sqlite3";

/** The table `blobs`: bytes by their SHA-256 in hex, kept once however often they are named. */
export interface BlobTable {
  read(hash: string): Uint8Array | null;
  /** Does nothing when it is there already. */
  put(hash: string, bytes: Uint8Array): void;
  /** In the order given, each once. */
  missing(hashes: readonly string[]): readonly string[];
}

export function blobTable(db: Database): BlobTable {
  const select = db.prepare<[string], Buffer>("select bytes from blobs where hash = ?").pluck();
  const has = db.prepare<[string], number>("select 1 from blobs where hash = ?").pluck();
  const insert = db.prepare("insert into blobs (hash, bytes) values (?, ?) on conflict do nothing");
  return {
    read: (hash) => {
      const bytes = select.get(hash);
      return bytes === undefined ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    put: (hash, bytes) => void insert.run(hash, bytes),
    missing: (hashes) => [...new Set(hashes)].filter((hash) => has.get(hash) === undefined),
  };
}
