import type { Database } from "better-sqlite3";
import type {
  Draft,
  Generation,
  GenerationStore,
  HandEdits,
  Journal,
  JournalStep,
  Manifest,
  ManifestEntry,
} from "../../domain/generation.ts";
import type { Lease, Settled } from "../../domain/job.ts";
import type { BlobTable } from "./blob-table.ts";
import type { JobTable } from "./jobs.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const GENERATION = `select id, space, parent, run, kind, created_at as createdAtMs, agent, findings,
  withdrawn_at as withdrawnAtMs, hand_edits as handEdits from generations`;

/** What a row does not say is absent, not null. */
type Row = Omit<Generation, "agent" | "findings" | "withdrawnAtMs" | "handEdits"> & {
  readonly agent: string | null;
  readonly findings: number | null;
  readonly withdrawnAtMs: number | null;
  readonly handEdits: string | null;
};

function generationOf({ agent, findings, withdrawnAtMs, handEdits, ...row }: Row): Generation {
  return {
    ...row,
    ...(agent === null ? {} : { agent }),
    ...(findings === null ? {} : { findings }),
    ...(withdrawnAtMs === null ? {} : { withdrawnAtMs }),
    ...(handEdits === null ? {} : { handEdits: JSON.parse(handEdits) as HandEdits }),
  };
}

function jsonOf(handEdits: HandEdits | undefined): string | null {
  return handEdits === undefined || Object.keys(handEdits).length === 0 ? null : JSON.stringify(handEdits);
}

type JournalRow = Omit<Journal, "steps"> & { readonly steps: string };
type Publication = Parameters<GenerationStore["commit"]>[0];

function statementsOf(db: Database) {
  const one = db.prepare<[string], Row>(`${GENERATION} where id = ?`);
  const newest = db.prepare<[string, number], Row>(
    `${GENERATION} where space = ? order by number desc limit ?`,
  );
  const files = db.prepare<[string], ManifestEntry>(
    "select path, hash, bytes from generation_files where generation = ? order by position",
  );
  const insert = db.prepare(
    `insert into generations (id, space, parent, run, kind, created_at, agent, findings, hand_edits)
     values (@id, @space, @parent, @run, @kind, @createdAtMs, @agent, @findings, @handEdits)`,
  );
  const insertFile = db.prepare(
    "insert into generation_files (generation, position, path, hash, bytes) values (?, ?, ?, ?, ?)",
  );
  const openJournal = db.prepare(
    "insert into journal (generation, space, root, steps, opened_at) values (?, ?, ?, ?, ?)",
  );
  const oldestJournal = db.prepare<[string], JournalRow>(
    "select space, root, generation, steps from journal where space = ? order by number limit 1",
  );
  const hasJournal = db.prepare<[string], number>("select 1 from journal where generation = ?").pluck();
  const removeFiles = db.prepare<[string]>("delete from generation_files where generation = ?");
  const removeRow = db.prepare<[string]>("delete from generations where id = ?");
  const withdraw = db.prepare<[number, string]>("update generations set withdrawn_at = ? where id = ?");
  const edit = db.prepare<[string | null, string]>("update generations set hand_edits = ? where id = ?");
  const closeJournal = db.prepare("delete from journal where generation = ?");
  return {
    one,
    newest,
    files,
    insert,
    insertFile,
    openJournal,
    oldestJournal,
    hasJournal,
    removeFiles,
    removeRow,
    withdraw,
    edit,
    closeJournal,
  };
}

function readsOf(
  { one, newest, files }: ReturnType<typeof statementsOf>,
  read: Writer["read"],
): Pick<GenerationStore, "current" | "manifest" | "read" | "list"> {
  return {
    current: (space) =>
      read(() => {
        const generation = newest.get(space, 1);
        return generation === undefined
          ? null
          : { generation: generationOf(generation), manifest: files.all(generation.id) };
      }),
    manifest: (generation) => read(() => (one.get(generation) === undefined ? null : files.all(generation))),
    read: (generation) =>
      read(() => {
        const row = one.get(generation);
        return row === undefined ? null : generationOf(row);
      }),
    list: (space, limit) => read(() => newest.all(space, limit).map(generationOf)),
  };
}

/** Without a lease nothing may run, and the version it was made from must be in effect. */
function isNext(
  jobs: JobTable,
  newest: ReturnType<typeof statementsOf>["newest"],
  { space, parent }: Generation,
): boolean {
  return !jobs.isRunning(space) && (newest.get(space, 1)?.id ?? null) === parent;
}

export function sqliteGenerations(
  db: Database,
  jobs: JobTable,
  blobs: BlobTable,
  writer: Writer,
): GenerationStore {
  const { write, read } = writer;
  const statements = statementsOf(db);
  const {
    one,
    newest,
    files,
    insert,
    insertFile,
    openJournal,
    oldestJournal,
    hasJournal,
    removeFiles,
    removeRow,
    withdraw,
    edit,
    closeJournal,
  } = statements;

  function commit({ lease, generation, manifest, blobs: fresh, journal, nowMs }: Publication): Settled {
    if (one.get(generation.id) !== undefined) return "already";
    const isFree = lease === null ? isNext(jobs, newest, generation) : isMine(lease, generation);
    if (!isFree) return "lost";
    for (const [hash, bytes] of fresh) blobs.put(hash, bytes);
    insert.run({
      ...generation,
      agent: generation.agent ?? null,
      findings: generation.findings ?? null,
      handEdits: jsonOf(generation.handEdits),
    });
    insertFiles(generation.id, manifest);
    if (journal !== null) {
      openJournal.run(journal.generation, journal.space, journal.root, JSON.stringify(journal.steps), nowMs);
    }
    return "applied";
  }

  function insertFiles(generation: string, manifest: Manifest): void {
    for (const [position, { path, hash, bytes }] of manifest.entries()) {
      insertFile.run(generation, position, path, hash, bytes);
    }
  }

  function remove(space: string, ids: readonly string[]): void {
    const inEffect = newest.get(space, 1)?.id;
    for (const id of ids) {
      const row = one.get(id);
      if (row?.space !== space || id === inEffect || hasJournal.get(id) !== undefined) continue;
      removeFiles.run(id);
      removeRow.run(id);
    }
  }

  function rewrite(request: Parameters<GenerationStore["rewrite"]>[0]): "applied" | "lost" {
    const { lease, generation, manifest, blobs: fresh, handEdits, nowMs } = request;
    const row = one.get(generation);
    if (row === undefined || !isMine(lease, generationOf(row))) return "lost";
    const old = files.all(generation).map(({ hash }) => hash);
    for (const [hash, bytes] of fresh) blobs.put(hash, bytes);
    removeFiles.run(generation);
    insertFiles(generation, manifest ?? []);
    if (manifest === null) withdraw.run(nowMs, generation);
    if (handEdits !== undefined) edit.run(jsonOf(handEdits), generation);
    blobs.removeUnnamed(old);
    return "applied";
  }

  function isMine(lease: Lease, { space }: Generation): boolean {
    return lease.space === space && jobs.isMine(lease);
  }

  return {
    ...readsOf(statements, read),
    blob: (hash) => read(() => blobs.read(hash)),
    missing: (hashes) => read(() => blobs.missing(hashes)),
    commit: (publication) => write(() => commit(publication), GROUP_LIMIT),
    openJournal: (space) =>
      read(() => {
        const row = oldestJournal.get(space);
        return row === undefined ? null : { ...row, steps: JSON.parse(row.steps) as readonly JournalStep[] };
      }),
    closeJournal: (generation) => write(() => void closeJournal.run(generation)),
    remove: (space, ids) => write(() => remove(space, ids), GROUP_LIMIT),
    collect: ({ nowMs, graceMs, limit, hashes }) =>
      write(() => {
        if (hashes !== undefined) return blobs.removeUnnamed(hashes.slice(0, limit));
        blobs.markUnnamed(nowMs, limit);
        return blobs.sweep(nowMs - graceMs, limit);
      }, GROUP_LIMIT),
    orphans: ({ after, limit }) => read(() => blobs.unnamed(after, limit)),
    rewrite: (request) => write(() => rewrite(request), GROUP_LIMIT),
    ...sqliteDrafts(db, jobs, blobs, writer),
  };
}

const COLUMNS = `hash, space, run, base, inputs_digest as inputsDigest, watermark, input_limit as "limit", agent, findings,
  created_at as createdAtMs`;

/** What dry runs would have published. */
function sqliteDrafts(
  db: Database,
  jobs: JobTable,
  blobs: BlobTable,
  { write, read }: Writer,
): Pick<GenerationStore, "keepDraft" | "draft" | "drafts" | "removeDrafts"> {
  const one = db.prepare<[string, string], Draft>(
    `select ${COLUMNS} from drafts where space = ? and hash = ?`,
  );
  const all = db.prepare<[string], Draft>(
    `select ${COLUMNS} from drafts where space = ? order by created_at desc, hash`,
  );
  const files = db.prepare<[string, string], ManifestEntry>(
    "select path, hash, bytes from draft_files where space = ? and draft = ? order by position",
  );
  const remove = db.prepare<[string, string]>("delete from drafts where space = ? and hash = ?");
  const insert = db.prepare<Draft>(
    `insert into drafts (space, hash, run, base, inputs_digest, watermark, input_limit, agent, findings, created_at)
     values (@space, @hash, @run, @base, @inputsDigest, @watermark, @limit, @agent, @findings, @createdAtMs)`,
  );
  const insertFile = db.prepare(
    "insert into draft_files (space, draft, position, path, hash, bytes) values (?, ?, ?, ?, ?, ?)",
  );
  return {
    keepDraft: ({ lease, draft, manifest, blobs: fresh }) =>
      write(() => {
        if (lease.space !== draft.space || !jobs.isMine(lease)) return "lost";
        for (const [hash, bytes] of fresh) blobs.put(hash, bytes);
        remove.run(draft.space, draft.hash);
        insert.run(draft);
        for (const [position, { path, hash, bytes }] of manifest.entries()) {
          insertFile.run(draft.space, draft.hash, position, path, hash, bytes);
        }
        return "applied";
      }, GROUP_LIMIT),
    draft: (space, hash) =>
      read(() => {
        const draft = one.get(space, hash);
        return draft === undefined ? null : { draft, manifest: files.all(space, hash) };
      }),
    drafts: (space) => read(() => all.all(space)),
    removeDrafts: (space, hashes) =>
      write(() => {
        for (const hash of hashes) remove.run(space, hash);
      }, GROUP_LIMIT),
  };
}
