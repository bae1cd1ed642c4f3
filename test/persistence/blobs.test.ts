import { afterEach, beforeEach, expect, test } from "vitest";
import { blobTable } from "../../src/persistence/sqlite/blob-table.ts";
import { connect } from "../../src/persistence/sqlite/connect.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
let db: Awaited<ReturnType<typeof connect>>;
beforeEach(async () => {
  db = await connect(folder.file("slowwave.db"), 1_000);
  db.pragma("foreign_keys = off");
});
afterEach(() => db.close());

const name = (hash: string) =>
  db
    .prepare("insert into generation_files (generation, position, path, hash, bytes) values (?, 0, ?, ?, 1)")
    .run(`generation of ${hash}`, hash, hash);
const forget = (hash: string) => db.prepare("delete from generation_files where hash = ?").run(hash);

test("bytes that were named again since nobody named them have a whole day again when their name goes", () => {
  const blobs = blobTable(db);
  for (const hash of ["a", "b"]) blobs.put(hash, Buffer.from(hash));
  blobs.markUnnamed(1_000, 10);
  name("a");
  // What is named is in nobody's way: the sweep of one finds the other.
  expect([blobs.sweep(2_000, 1), blobs.read("a"), blobs.read("b")]).toEqual([
    1,
    new Uint8Array(Buffer.from("a")),
    null,
  ]);
  forget("a");
  expect(blobs.sweep(2_000, 10)).toBe(0);
  blobs.markUnnamed(3_000, 10);
  expect([blobs.sweep(3_000, 10), blobs.sweep(3_001, 10), blobs.read("a")]).toEqual([0, 1, null]);
});
