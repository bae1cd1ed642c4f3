import type { Database } from "better-sqlite3";
import type { Draft, GenerationStore, ManifestEntry } from "../../domain/generation.ts";
import type { BlobTable } from "./blob-table.ts";
import type { JobTable } from "./job-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const COLUMNS = `hash, space, run, base, inputs_digest as inputsDigest, watermark, input_limit as "limit", agent, findings,
  created_at as createdAtMs`;

/** What dry runs would have published. */
export function sqliteDrafts(
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
