import type { Database } from "better-sqlite3";

/** The table `blobs`: bytes by their SHA-256 in hex, kept once however often they are named. */
export interface BlobTable {
  read(hash: string): Uint8Array | null;
  /** Where it is there already it counts as used from now on, and is whole again if it was damaged. */
  put(hash: string, bytes: Uint8Array): void;
  /** In the order given, each once. What is about to be collected counts as missing. */
  missing(hashes: readonly string[]): readonly string[];
  /** Removes those of these that nothing names. Returns how many went. */
  removeUnnamed(hashes: readonly string[]): number;
  /** Notes when up to `limit` blobs were first found without a name. */
  markUnnamed(nowMs: number, limit: number): void;
  /** Removes up to `limit` that have had no name since before `untilMs`. Returns how many went. */
  sweep(untilMs: number, limit: number): number;
  unnamed(after: string, limit: number): readonly string[];
}

const UNNAMED = `not exists (select 1 from generation_files f where f.hash = blobs.hash)
  and not exists (select 1 from draft_files d where d.hash = blobs.hash)
  and not exists (select 1 from recorded_inputs r where r.raw_memory = blobs.hash)
  and not exists (select 1 from recorded_inputs s where s.rollout_summary = blobs.hash)`;

export function blobTable(db: Database): BlobTable {
  const select = db.prepare<[string], Buffer>("select bytes from blobs where hash = ?").pluck();
  const has = db
    .prepare<[string], number>("select 1 from blobs where hash = ? and unused_since is null")
    .pluck();
  const insert = db.prepare(
    `insert into blobs (hash, bytes) values (?, ?) on conflict do update set bytes = excluded.bytes, unused_since = null
       where unused_since is not null or bytes <> excluded.bytes`,
  );
  const remove = db.prepare<[string]>(`delete from blobs where hash = ? and ${UNNAMED}`);
  const mark = db.prepare<[number, number]>(
    `update blobs set unused_since = ? where rowid in
       (select rowid from blobs where unused_since is null and ${UNNAMED} limit ?)`,
  );
  const sweep = db.prepare<[number, number]>(
    `delete from blobs where rowid in (select rowid from blobs where unused_since < ? limit ?) and ${UNNAMED}`,
  );
  // Named again since it was marked: it counts as used.
  const unmark = db.prepare<[number]>(
    `update blobs set unused_since = null where unused_since < ? and not (${UNNAMED})`,
  );
  const unnamed = db
    .prepare<[string, number], string>(
      `select hash from blobs where hash > ? and ${UNNAMED} order by hash limit ?`,
    )
    .pluck();
  return {
    read: (hash) => {
      const bytes = select.get(hash);
      return bytes === undefined ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    put: (hash, bytes) => void insert.run(hash, bytes),
    missing: (hashes) => [...new Set(hashes)].filter((hash) => has.get(hash) === undefined),
    removeUnnamed: (hashes) =>
      [...new Set(hashes)].reduce((count, hash) => count + remove.run(hash).changes, 0),
    markUnnamed: (nowMs, limit) => void mark.run(nowMs, limit),
    sweep: (untilMs, limit) => {
      unmark.run(untilMs);
      return sweep.run(untilMs, limit).changes;
    },
    unnamed: (after, limit) => unnamed.all(after, limit),
  };
}
