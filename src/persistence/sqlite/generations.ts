import type { Database } from "better-sqlite3";
import type { Generation, Journal, JournalStep, ManifestEntry } from "../../domain/generation.ts";
import type { Lease, Settled } from "../../domain/job.ts";
import type { GenerationStore } from "../../domain/ports.ts";
import type { BlobTable } from "./blob-table.ts";
import type { JobTable } from "./job-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const GENERATION = `select id, space, parent, run, kind, created_at as createdAtMs from generations`;

type JournalRow = Omit<Journal, "steps"> & { readonly steps: string };
type Publication = Parameters<GenerationStore["commit"]>[0];

export function sqliteGenerations(
  db: Database,
  jobs: JobTable,
  blobs: BlobTable,
  { write, read }: Writer,
): GenerationStore {
  const one = db.prepare<[string], Generation>(`${GENERATION} where id = ?`);
  const newest = db.prepare<[string, number], Generation>(
    `${GENERATION} where space = ? order by number desc limit ?`,
  );
  const files = db.prepare<[string], ManifestEntry>(
    "select path, hash, bytes from generation_files where generation = ? order by position",
  );
  const insert = db.prepare(
    `insert into generations (id, space, parent, run, kind, created_at)
     values (@id, @space, @parent, @run, @kind, @createdAtMs)`,
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
  const closeJournal = db.prepare("delete from journal where generation = ?");

  function commit({ lease, generation, manifest, blobs: fresh, journal, nowMs }: Publication): Settled {
    if (one.get(generation.id) !== undefined) return "already";
    const isFree = lease === null ? !jobs.isRunning(generation.space) : isMine(lease, generation);
    if (!isFree) return "lost";
    for (const [hash, bytes] of fresh) blobs.put(hash, bytes);
    insert.run(generation);
    for (const [position, { path, hash, bytes }] of manifest.entries()) {
      insertFile.run(generation.id, position, path, hash, bytes);
    }
    if (journal !== null) {
      openJournal.run(journal.generation, journal.space, journal.root, JSON.stringify(journal.steps), nowMs);
    }
    return "applied";
  }

  function isMine(lease: Lease, { space }: Generation): boolean {
    return lease.space === space && jobs.isMine(lease);
  }

  return {
    current: (space) =>
      read(() => {
        const generation = newest.get(space, 1);
        return generation === undefined ? null : { generation, manifest: files.all(generation.id) };
      }),
    manifest: (generation) => read(() => (one.get(generation) === undefined ? null : files.all(generation))),
    read: (generation) => read(() => one.get(generation) ?? null),
    list: (space, limit) => read(() => newest.all(space, limit)),
    blob: (hash) => read(() => blobs.read(hash)),
    missing: (hashes) => read(() => blobs.missing(hashes)),
    commit: (publication) => write(() => commit(publication), GROUP_LIMIT),
    openJournal: (space) =>
      read(() => {
        const row = oldestJournal.get(space);
        return row === undefined ? null : { ...row, steps: JSON.parse(row.steps) as readonly JournalStep[] };
      }),
    closeJournal: (generation) => write(() => void closeJournal.run(generation)),
  };
}
