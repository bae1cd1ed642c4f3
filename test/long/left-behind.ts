import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "vitest";

/** What the database of a home says of its memory, seen through a connection that mends and changes nothing. */
export interface LeftBehind {
  /** Grows with every generation; 0 when there is none. */
  readonly number: number;
  /** Of the publish that was not finished. */
  readonly journal: string | null;
  /** Hashes that each path may have; null: it may be missing. */
  readonly allowed: ReadonlyMap<string, ReadonlySet<string | null>>;
}

export function leftBehind(home: string): LeftBehind {
  const db = new Database(join(home, "slowwave.db"), { readonly: true });
  const [current, parent] = db
    .prepare<[], { number: number; id: string; parent: string | null }>(
      "select number, id, parent from generations order by number desc limit 2",
    )
    .all();
  const journal = db.prepare<[], string>("select generation from journal").pluck().all();
  const files = db
    .prepare<[string], [string, string]>("select path, hash from generation_files where generation = ?")
    .raw();
  const filesOf = (generation: string | null | undefined) => new Map(files.all(generation ?? ""));
  const after = filesOf(current?.id);
  const before = journal.length > 0 ? filesOf(current?.parent) : after;
  db.close();
  // One publish at a time, and none that left out the one before.
  expect(journal.length === 0 ? [] : journal).toEqual(journal.length === 0 ? [] : [current?.id]);
  if (parent !== undefined) expect(current?.parent).toBe(parent.id);
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  const allowed = new Map(
    paths.map((path) => [path, new Set([before.get(path) ?? null, after.get(path) ?? null])]),
  );
  return { number: current?.number ?? 0, journal: journal[0] ?? null, allowed };
}

/**
 * Every file is as it was or as it will be; without an open journal these are the same, and no temporary file is there.
 * `edits`: what a person made of files that is no generation yet.
 */
export function expectNothingTorn(
  home: string,
  { allowed, journal }: LeftBehind,
  edits: Readonly<Record<string, string>> = {},
): void {
  const root = join(home, "memories");
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const found = new Map(
    entries
      .filter((entry) => entry.isFile() && entry.name !== ".slowwave")
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [
        path.slice(root.length + 1),
        createHash("sha256").update(readFileSync(path)).digest("hex"),
      ]),
  );
  const isTemporary = (path: string) => /(^|\/)\.slowwave-[^/]*$/.test(path);
  const wrong = [...found].filter(([path, hash]) =>
    // The mark of the folder is written anew without a journal.
    isTemporary(path)
      ? journal === null && path.includes("/")
      : !allowed.get(path)?.has(hash) && edits[path] !== hash,
  );
  const missing = [...allowed].filter(([path, hashes]) => !found.has(path) && !hashes.has(null));
  expect({ wrong, missing }).toEqual({ wrong: [], missing: [] });
}
