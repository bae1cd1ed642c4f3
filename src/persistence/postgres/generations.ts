import type {
  Draft,
  Generation,
  GenerationStore,
  HandEdits,
  JournalStep,
  Manifest,
  ManifestEntry,
} from "../../domain/generation.ts";
import type { Settled } from "../../domain/job.ts";
import { missingBlobs, putBlobs, readBlob, removeUnnamed, sweepBlobs, unnamedBlobs } from "./blobs.ts";
import type { Database, Query } from "./database.ts";
import { type JobRows, spaceLock } from "./jobs.ts";

const GENERATION = `select id, space, parent, run, kind, created_at as "createdAtMs", agent, findings,
  withdrawn_at as "withdrawnAtMs", hand_edits as "handEdits" from slowwave.generations`;

/** A row as PostgreSQL gives it: what is not there is null. */
type Row = { -readonly [Name in keyof Generation]: Exclude<Generation[Name], undefined> | null };

function generationOf(row: Row): Generation {
  const { agent, findings, withdrawnAtMs, handEdits, ...rest } = row;
  return {
    ...(rest as Generation),
    ...(agent === null ? {} : { agent }),
    ...(findings === null ? {} : { findings }),
    ...(withdrawnAtMs === null ? {} : { withdrawnAtMs }),
    ...(handEdits === null ? {} : { handEdits: JSON.parse(handEdits as unknown as string) as HandEdits }),
  };
}

function jsonOf(handEdits: HandEdits | undefined): string | null {
  return handEdits === undefined || Object.keys(handEdits).length === 0 ? null : JSON.stringify(handEdits);
}

async function oneGeneration(query: Query, id: string): Promise<Generation | null> {
  const { rows } = await query<Row>(`${GENERATION} where id = $1`, [id]);
  return rows[0] === undefined ? null : generationOf(rows[0]);
}

async function newest(query: Query, space: string, limit: number): Promise<readonly Generation[]> {
  const { rows } = await query<Row>(`${GENERATION} where space = $1 order by number desc limit $2`, [
    space,
    limit,
  ]);
  return rows.map(generationOf);
}

async function filesOf(query: Query, generation: string): Promise<Manifest> {
  const { rows } = await query<ManifestEntry>(
    "select path, hash, bytes from slowwave.generation_files where generation = $1 order by position",
    [generation],
  );
  return rows;
}

async function insertFiles(query: Query, generation: string, manifest: Manifest): Promise<void> {
  if (manifest.length === 0) return;
  await query(
    `insert into slowwave.generation_files (generation, position, path, hash, bytes)
     select $1, files.position - 1, path, hash, bytes
     from unnest($2::text[], $3::text[], $4::bigint[]) with ordinality as files (path, hash, bytes, position)`,
    [generation, ...columnsOf(manifest)],
  );
}

function columnsOf(manifest: Manifest) {
  return [
    manifest.map(({ path }) => path),
    manifest.map(({ hash }) => hash),
    manifest.map(({ bytes }) => bytes),
  ];
}

export function postgresGenerations(db: Database, jobs: JobRows): GenerationStore {
  return {
    ...readsOf(db),
    ...publicationsOf(db, jobs),
    ...sweepsOf(db),
    ...draftsOf(db, jobs),
  };
}

function readsOf(
  db: Database,
): Pick<GenerationStore, "current" | "manifest" | "read" | "list" | "blob" | "missing" | "openJournal"> {
  return {
    current: (space) =>
      db.transaction(
        async (query) => {
          const [generation] = await newest(query, space, 1);
          if (generation === undefined) return null;
          return { generation, manifest: await filesOf(query, generation.id) };
        },
        { isReadOnly: true },
      ),
    manifest: (generation) =>
      db.transaction(
        async (query) =>
          (await oneGeneration(query, generation)) === null ? null : filesOf(query, generation),
        { isReadOnly: true },
      ),
    read: (generation) => oneGeneration(db.query, generation),
    list: (space, limit) => newest(db.query, space, limit),
    blob: (hash) => readBlob(db.query, hash),
    missing: (hashes) => missingBlobs(db.query, hashes),
    openJournal: async (space) => {
      const { rows } = await db.query<{ space: string; root: string; generation: string; steps: string }>(
        `select space, root, generation, steps from slowwave.journal where space = $1 order by number limit 1`,
        [space],
      );
      const row = rows[0];
      return row === undefined ? null : { ...row, steps: JSON.parse(row.steps) as readonly JournalStep[] };
    },
  };
}

/** What becomes a version of a memory. */
function publicationsOf(
  db: Database,
  jobs: JobRows,
): Pick<GenerationStore, "commit" | "closeJournal" | "rewrite"> {
  async function isFree(query: Query, { lease, generation }: Parameters<GenerationStore["commit"]>[0]) {
    if (lease !== null) return lease.space === generation.space && (await jobs.isMine(query, lease));
    if ((await jobs.lock(query, generation.space, null)).row?.status === "running") return false;
    const [inEffect] = await newest(query, generation.space, 1);
    return (inEffect?.id ?? null) === generation.parent;
  }
  return {
    commit: (publication) =>
      db.transaction(
        async (query): Promise<Settled> => {
          const { generation, manifest, blobs, journal, nowMs } = publication;
          if ((await oneGeneration(query, generation.id)) !== null) return "already";
          if (!(await isFree(query, publication))) return "lost";
          await putBlobs(query, blobs);
          await query(
            `insert into slowwave.generations (id, space, parent, run, kind, created_at, agent, findings, hand_edits)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
            [
              generation.id,
              generation.space,
              generation.parent,
              generation.run,
              generation.kind,
              generation.createdAtMs,
              generation.agent,
              generation.findings,
              jsonOf(generation.handEdits),
            ],
          );
          await insertFiles(query, generation.id, manifest);
          if (journal !== null) {
            await query(
              `insert into slowwave.journal (generation, space, root, steps, opened_at) values ($1, $2, $3, $4, $5)`,
              [journal.generation, journal.space, journal.root, JSON.stringify(journal.steps), nowMs],
            );
          }
          return "applied";
        },
        { locks: [spaceLock(db, publication.generation.space)] },
      ),
    closeJournal: async (generation) => {
      await db.query("delete from slowwave.journal where generation = $1", [generation]);
    },
    rewrite: ({ lease, generation, manifest, blobs, handEdits, nowMs }) =>
      db.transaction(async (query) => {
        const row = await oneGeneration(query, generation);
        if (row === null || row.space !== lease.space || !(await jobs.isMine(query, lease))) return "lost";
        const old = (await filesOf(query, generation)).map(({ hash }) => hash);
        await putBlobs(query, blobs);
        await query("delete from slowwave.generation_files where generation = $1", [generation]);
        await insertFiles(query, generation, manifest ?? []);
        if (manifest === null) {
          await query("update slowwave.generations set withdrawn_at = $2 where id = $1", [generation, nowMs]);
        }
        if (handEdits !== undefined) {
          await query("update slowwave.generations set hand_edits = $2 where id = $1", [
            generation,
            jsonOf(handEdits),
          ]);
        }
        await removeUnnamed(query, old);
        return "applied";
      }),
  };
}

/** What goes. */
function sweepsOf(db: Database): Pick<GenerationStore, "remove" | "collect" | "orphans"> {
  let after = "";

  async function sweep(request: { nowMs: number; untilMs: number; limit: number }): Promise<number> {
    const swept = await db.transaction((query) => sweepBlobs(query, { after, ...request }));
    ({ after } = swept);
    return swept.removed;
  }

  return {
    remove: (space, ids) =>
      db.transaction(
        async (query) => {
          const { rows } = await query<{ id: string }>(
            `select id from slowwave.generations where space = $1 and id = any ($2::text[])
               and number < (select max(number) from slowwave.generations where space = $1)
               and not exists (select 1 from slowwave.journal where generation = generations.id)`,
            [space, ids],
          );
          const gone = rows.map(({ id }) => id);
          await query("delete from slowwave.generation_files where generation = any ($1::text[])", [gone]);
          await query("delete from slowwave.generations where id = any ($1::text[])", [gone]);
        },
        { locks: [spaceLock(db, space)] },
      ),
    collect: ({ nowMs, graceMs, limit, hashes }) =>
      hashes === undefined
        ? sweep({ nowMs, untilMs: nowMs - graceMs, limit })
        : db.transaction((query) => removeUnnamed(query, hashes.slice(0, limit))),
    orphans: ({ after, limit }) => unnamedBlobs(db.query, after, limit),
  };
}

const DRAFT = `select hash, space, run, base, inputs_digest as "inputsDigest", watermark, input_limit as "limit", agent,
  findings, created_at as "createdAtMs" from slowwave.drafts`;

/** What dry runs would have published. */
function draftsOf(
  db: Database,
  jobs: JobRows,
): Pick<GenerationStore, "keepDraft" | "draft" | "drafts" | "removeDrafts"> {
  return {
    keepDraft: ({ lease, draft, manifest, blobs }) =>
      db.transaction(async (query) => {
        if (lease.space !== draft.space || !(await jobs.isMine(query, lease))) return "lost";
        await putBlobs(query, blobs);
        const { space, hash } = draft;
        await query("delete from slowwave.drafts where space = $1 and hash = $2", [space, hash]);
        await query(
          `insert into slowwave.drafts
             (space, hash, run, base, inputs_digest, watermark, input_limit, agent, findings, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
          [
            space,
            hash,
            draft.run,
            draft.base,
            draft.inputsDigest,
            draft.watermark,
            draft.limit,
            draft.agent,
            draft.findings,
            draft.createdAtMs,
          ],
        );
        await query(
          `insert into slowwave.draft_files (space, draft, position, path, hash, bytes)
           select $1, $2, files.position - 1, path, hash, bytes
           from unnest($3::text[], $4::text[], $5::bigint[]) with ordinality as files (path, hash, bytes, position)`,
          [space, hash, ...columnsOf(manifest)],
        );
        return "applied";
      }),
    draft: (space, hash) =>
      db.transaction(
        async (query) => {
          const draft = (await query<Draft>(`${DRAFT} where space = $1 and hash = $2`, [space, hash]))
            .rows[0];
          if (draft === undefined) return null;
          const files = await query<ManifestEntry>(
            `select path, hash, bytes from slowwave.draft_files where space = $1 and draft = $2 order by position`,
            [space, hash],
          );
          return { draft, manifest: files.rows };
        },
        { isReadOnly: true },
      ),
    drafts: async (space) =>
      (await db.query<Draft>(`${DRAFT} where space = $1 order by created_at desc, hash`, [space])).rows,
    removeDrafts: async (space, hashes) => {
      await db.query("delete from slowwave.drafts where space = $1 and hash = any ($2::text[])", [
        space,
        hashes,
      ]);
    },
  };
}
