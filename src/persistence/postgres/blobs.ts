import type { Query } from "./database.ts";

/** The table `blobs`: bytes by their SHA-256 in hex, kept once however often they are named. */

const UNNAMED = `not exists (select 1 from slowwave.generation_files f where f.hash = blobs.hash)
  and not exists (select 1 from slowwave.draft_files d where d.hash = blobs.hash)
  and not exists (select 1 from slowwave.recorded_inputs r where r.raw_memory = blobs.hash)
  and not exists (select 1 from slowwave.recorded_inputs s where s.rollout_summary = blobs.hash)`;

/** How many bytes go into one statement. */
const CHUNK_BYTES = 4 << 20;

export async function readBlob(query: Query, hash: string): Promise<Uint8Array | null> {
  const { rows } = await query<{ bytes: Buffer }>("select bytes from slowwave.blobs where hash = $1", [hash]);
  const bytes = rows[0]?.bytes;
  return bytes === undefined ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where one is there already it counts as used from now on, and is whole again if it was damaged. */
export async function putBlobs(query: Query, blobs: ReadonlyMap<string, Uint8Array>): Promise<void> {
  // In one order, so that two who write the same ones don't wait for each other.
  for (const chunk of inChunks([...blobs].sort(([a], [b]) => (a < b ? -1 : 1)))) {
    await query(
      `insert into slowwave.blobs (hash, bytes) select * from unnest($1::text[], $2::bytea[])
       on conflict (hash) do update set bytes = excluded.bytes, unused_since = null
         where blobs.unused_since is not null or blobs.bytes <> excluded.bytes`,
      [chunk.map(([hash]) => hash), chunk.map(([, bytes]) => Buffer.from(bytes))],
    );
  }
}

function* inChunks(blobs: readonly (readonly [string, Uint8Array])[]) {
  let chunk: (readonly [string, Uint8Array])[] = [];
  let size = 0;
  for (const blob of blobs) {
    chunk.push(blob);
    size += blob[1].byteLength;
    if (size < CHUNK_BYTES && chunk.length < 500) continue;
    yield chunk;
    chunk = [];
    size = 0;
  }
  if (chunk.length > 0) yield chunk;
}

/** In the order given, each once. What is about to be collected counts as missing. */
export async function missingBlobs(query: Query, hashes: readonly string[]): Promise<readonly string[]> {
  const wanted = [...new Set(hashes)];
  const { rows } = await query<{ hash: string }>(
    "select hash from slowwave.blobs where hash = any ($1::text[]) and unused_since is null",
    [wanted],
  );
  const known = new Set(rows.map(({ hash }) => hash));
  return wanted.filter((hash) => !known.has(hash));
}

/** Removes those of these that nothing names. Returns how many went. */
export async function removeUnnamed(query: Query, hashes: readonly string[]): Promise<number> {
  const sql = `delete from slowwave.blobs where hash = any ($1::text[]) and ${UNNAMED}`;
  return (await query(sql, [[...new Set(hashes)]])).count;
}

/**
 * Notes which blobs were first found without a name, and removes those that had none since before `untilMs`. It looks at
 * the `limit` blobs behind `after` and answers where the next sweep goes on: were it all of them, each run of a space would
 * cost what the texts of all spaces do.
 */
export async function sweepBlobs(
  query: Query,
  sweep: { readonly after: string; readonly nowMs: number; readonly untilMs: number; readonly limit: number },
): Promise<{ readonly removed: number; readonly after: string }> {
  const { after, nowMs, untilMs, limit } = sweep;
  const looked = await query<{ last: string | null; count: number }>(
    `with looked as materialized (select hash from slowwave.blobs where hash > $3 order by hash limit $2),
     marked as (update slowwave.blobs set unused_since = $1
       where hash in (select hash from looked) and unused_since is null and ${UNNAMED})
     select max(hash) as last, count(*)::integer as count from looked`,
    [nowMs, limit, after],
  );
  const { last = null, count: seen = 0 } = looked.rows[0] ?? {};
  // Named again since it was marked: it counts as used.
  await query(`update slowwave.blobs set unused_since = null where unused_since < $1 and not (${UNNAMED})`, [
    untilMs,
  ]);
  const { count } = await query(
    `delete from slowwave.blobs where hash in
       (select hash from slowwave.blobs where unused_since < $1 limit $2) and ${UNNAMED}`,
    [untilMs, limit],
  );
  return { removed: count, after: seen < limit ? "" : (last ?? "") };
}

/** Blobs that nothing names, in the order of their hashes, above `after`. */
export async function unnamedBlobs(query: Query, after: string, limit: number): Promise<readonly string[]> {
  const { rows } = await query<{ hash: string }>(
    `select hash from slowwave.blobs where hash > $1 and ${UNNAMED} order by hash limit $2`,
    [after, limit],
  );
  return rows.map(({ hash }) => hash);
}
