import { createHmac } from "node:crypto";
import type { Database } from "better-sqlite3";

/** Threads that were purged, as steps of a transaction that someone else holds. No id is kept, only its keyed hash. */
export interface RefusedThreads {
  has(space: string, threadId: string): boolean;
  /** Null: in every space. */
  add(space: string | null, threadId: string): void;
  /** In this space and in every space. False: there was nothing. */
  lift(space: string, threadId: string): boolean;
  count(space: string): number;
}

const EVERY_SPACE = "";

export function refusedThreads(db: Database): RefusedThreads {
  // Read when it is needed first: a store that only reads may have been opened before the key was there.
  let key: Uint8Array | undefined;
  const readKey = db.prepare<[], Uint8Array>("select key from refusal_key limit 1").pluck();
  const isAny = db.prepare<[], number>("select 1 from refused_threads limit 1").pluck();
  const spaces = db.prepare<[], string>("select distinct space from refused_threads").pluck();
  const find = db
    .prepare<[string, Uint8Array], number>("select 1 from refused_threads where space = ? and hash = ?")
    .pluck();
  const insert = db.prepare<[string, Uint8Array]>("insert or ignore into refused_threads values (?, ?)");
  const remove = db.prepare<[string, Uint8Array]>("delete from refused_threads where space = ? and hash = ?");
  const count = db
    .prepare<[string, string], number>("select count(*) from refused_threads where space in (?, ?)")
    .pluck();

  /** The space is hashed with the id, so that two spaces' rows do not show that they speak of one thread. */
  function hashOf(space: string, threadId: string): Uint8Array {
    key ??= readKey.get() ?? new Uint8Array();
    return createHmac("sha256", key).update(`${space}\0${threadId}`).digest();
  }

  return {
    has: (space, threadId) =>
      isAny.get() !== undefined &&
      [space, EVERY_SPACE].some((one) => find.get(one, hashOf(one, threadId)) !== undefined),
    add: (space, threadId) => {
      if (space !== null && find.get(EVERY_SPACE, hashOf(EVERY_SPACE, threadId)) !== undefined) return;
      // One row a thread, so that a count is one of threads.
      if (space === null) for (const one of spaces.all()) remove.run(one, hashOf(one, threadId));
      insert.run(space ?? EVERY_SPACE, hashOf(space ?? EVERY_SPACE, threadId));
    },
    lift: (space, threadId) =>
      [space, EVERY_SPACE]
        .map((one) => remove.run(one, hashOf(one, threadId)).changes)
        .some((changes) => changes > 0),
    count: (space) => count.get(space, EVERY_SPACE) ?? 0,
  };
}
