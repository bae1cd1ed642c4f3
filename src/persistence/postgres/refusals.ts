import type { MemoryStore } from "../../domain/memory.ts";
import { EVERY_SPACE, refusalHash } from "../refusals.ts";
import { type Database, lockOf, type Query } from "./database.ts";

/** Threads that were purged, as steps of a transaction that someone else holds. No id is kept, only its keyed hash. */

/** Held (shared) by whoever takes records in, and alone by whoever refuses them: none slips through between. */
export function refusalLock({ schema }: Database, isShared: boolean) {
  return lockOf(schema, "refusals", isShared);
}

async function keyOf(query: Query): Promise<Uint8Array> {
  const { rows } = await query<{ key: Buffer }>("select key from slowwave.refusal_key");
  return rows[0]?.key ?? new Uint8Array();
}

/** Which of these threads are refused in the space. */
export async function refusedOf(
  query: Query,
  space: string,
  threadIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const any = await query("select 1 from slowwave.refused_threads limit 1");
  if (any.rows.length === 0) return new Set();
  const key = await keyOf(query);
  const ids = [...new Set(threadIds)];
  const here = ids.map((id) => refusalHash(key, space, id));
  const everywhere = ids.map((id) => refusalHash(key, EVERY_SPACE, id));
  const { rows } = await query<{ place: number }>(
    `select place from unnest($2::bytea[], $3::bytea[]) with ordinality as asked (here, everywhere, place)
     where exists (select 1 from slowwave.refused_threads where space = $1 and hash = asked.here)
       or exists (select 1 from slowwave.refused_threads where space = '' and hash = asked.everywhere)`,
    [space, here, everywhere],
  );
  return new Set(rows.map(({ place }) => ids[place - 1] ?? ""));
}

/** Null: in every space. One row a thread, so that a count is one of threads. */
export async function addRefusal(query: Query, space: string | null, threadId: string): Promise<void> {
  const key = await keyOf(query);
  const own = space ?? EVERY_SPACE;
  if (space === null) {
    const { rows } = await query<{ space: string }>("select distinct space from slowwave.refused_threads");
    const spaces = rows.map((row) => row.space);
    await query(
      `delete from slowwave.refused_threads where (space, hash) in
         (select * from unnest($1::text[], $2::bytea[]))`,
      [spaces, spaces.map((one) => refusalHash(key, one, threadId))],
    );
  }
  await query(
    `insert into slowwave.refused_threads (space, hash) select $1, $2
     where not exists (select 1 from slowwave.refused_threads where space = '' and hash = $3)
     on conflict do nothing`,
    [own, refusalHash(key, own, threadId), refusalHash(key, EVERY_SPACE, threadId)],
  );
}

async function liftRefusal(query: Query, space: string, threadId: string): Promise<boolean> {
  const key = await keyOf(query);
  const places = [space, EVERY_SPACE];
  const { count } = await query(
    `delete from slowwave.refused_threads where (space, hash) in (select * from unnest($1::text[], $2::bytea[]))`,
    [places, places.map((one) => refusalHash(key, one, threadId))],
  );
  return count > 0;
}

export function refusalsOf(db: Database): Pick<MemoryStore, "refuse" | "remember" | "refused"> {
  const locks = [refusalLock(db, false)];
  /** Rows that are there already are left out from now on, or no longer. */
  const mark = async (query: Query, threadId: string): Promise<void> => {
    const { rows } = await query<{ space: string }>(
      "select space from slowwave.stage1_outputs where thread_id = $1",
      [threadId],
    );
    for (const { space } of rows) {
      const isRefused = (await refusedOf(query, space, [threadId])).has(threadId);
      await query(
        "update slowwave.stage1_outputs set refused = $3 where space = $1 and thread_id = $2 and refused <> $3",
        [space, threadId, isRefused],
      );
    }
  };
  return {
    refuse: (threadId, space) =>
      db.transaction(
        async (query) => {
          await addRefusal(query, space, threadId);
          await mark(query, threadId);
        },
        { locks },
      ),
    remember: (threadId, space) =>
      db.transaction(
        async (query) => {
          const was = await liftRefusal(query, space, threadId);
          await mark(query, threadId);
          return was;
        },
        { locks },
      ),
    refused: async (space) => {
      const { rows } = await db.query<{ count: number }>(
        "select count(*) from slowwave.refused_threads where space in ($1, '')",
        [space],
      );
      return rows[0]?.count ?? 0;
    },
  };
}
