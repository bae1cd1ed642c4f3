import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";
import { desk, HANDBOOK, memory, tree } from "../workspace/bench.ts";

/** What a failing disk does: other bytes under the name of this file's content, in one generation. */
function rot(database: string, generation: string, path: string): void {
  const db = new Database(database);
  const changed = db
    .prepare(
      "update blobs set bytes = x'726f7474656e' where hash = (select hash from generation_files where generation = ? and path = ?)",
    )
    .run(generation, path).changes;
  db.close();
  expect(changed).toBe(1);
}

const published = copiedHome(async (folder) => {
  const at = (...lines: string[]) => commandLine({ stdin: lines.map((text) => `${text}\n`) }, folder);
  await at(line()).slowwave("import", "-");
  await at().slowwave("run");
  const next = line({
    thread_id: "thread-2",
    source_updated_at: "2026-09-03T10:00:00Z",
    raw_memory:
      "### Task 1: Trains\n\nReusable knowledge:\n- The release script needs pnpm 9 because npm ignores its lockfile.\n",
  });
  await at(next).slowwave("import", "-");
  await at().slowwave("run");
});

/** Two published generations, and the ids of both. */
async function twice() {
  const folder = published();
  const here = commandLine({}, folder);
  const { value } = await here.json("diff", "--list");
  const [second, first] = (value as { generations: readonly { id: string }[] }).generations.map(
    ({ id }) => id,
  );
  return {
    ...here,
    folder,
    database: join(here.home, "slowwave.db"),
    first: first ?? "",
    second: second ?? "",
  };
}

test("a generation whose stored copy is damaged is not restored: the memory stays byte for byte", async () => {
  const { home, json, slowwave, database, first } = await twice();
  const before = await tree(join(home, "memories"));
  rot(database, first, "MEMORY.md");
  expect(await json("rollback")).toMatchObject({
    code: 2,
    value: {
      error: { code: "blob_damaged", message: expect.stringContaining("MEMORY.md is damaged or missing") },
    },
  });
  expect(await tree(join(home, "memories"))).toEqual(before);
  expect((await slowwave("doctor")).stdout).toContain(`damaged or missing: ${first}: MEMORY.md`);
  expect(await json("status")).toMatchObject({ value: { job: { status: "done" } } });
});

test("what rotted in the store of the memory in effect is mended from the folder by the next run", async () => {
  const { home, folder, json, slowwave, database, second } = await twice();
  rot(database, second, "MEMORY.md");
  expect((await slowwave("doctor")).code).toBe(1);
  const third = line({ thread_id: "thread-3", source_updated_at: "2026-09-04T10:00:00Z" });
  await commandLine({ stdin: [`${third}\n`] }, folder).slowwave("import", "-");
  expect(await json("run")).toMatchObject({ code: 0, value: { status: "succeeded" } });
  expect(readFileSync(join(home, "memories/MEMORY.md"), "utf8")).toContain(
    "The release script needs pnpm 9 because npm ignores its lockfile.",
  );
  const { code, stdout } = await slowwave("doctor");
  expect({ code, whole: stdout.includes("all whole") }).toEqual({ code: 0, whole: true });
});

test("a dry run whose kept files are damaged is not applied, and the job is as it was", async () => {
  const { home, folder, json, database } = await twice();
  const third = line({ thread_id: "thread-3", source_updated_at: "2026-09-04T10:00:00Z" });
  await commandLine({ stdin: [`${third}\n`] }, folder).slowwave("import", "-");
  const { value } = await json("run", "--dry-run");
  const { hash } = (value as { dryRun: { hash: string } }).dryRun;
  const db = new Database(database);
  db.prepare(
    "update blobs set bytes = x'00' where hash = (select hash from draft_files where path = 'raw_memories.md')",
  ).run();
  db.close();
  const before = [await tree(join(home, "memories")), (await json("status")).value];
  expect(await json("apply", hash)).toMatchObject({ code: 2, value: { error: { code: "blob_damaged" } } });
  const job = (status: unknown) => {
    const { fence: _, ...row } = (status as { job: { fence: number } }).job;
    return row;
  };
  expect(await tree(join(home, "memories"))).toEqual(before[0]);
  expect(job((await json("status")).value)).toEqual(job(before[1]));
});

test("content that was stored before and has rotted since is stored anew when it is published again", async () => {
  const path = join(temporaryFolder(), "slowwave.db");
  const store = await openSqliteStore({ path });
  const d = await desk({ store });
  const one = await (await d.begin("r1", [memory("a")])).complete(HANDBOOK);
  const other = { ...HANDBOOK, "MEMORY.md": "# Task Group: other\n" };
  await (await d.begin("r2", [memory("a"), memory("b")])).complete(other);
  rot(path, one, "MEMORY.md");
  await (await d.begin("r3", [memory("a"), memory("b"), memory("c")])).complete(HANDBOOK);
  expect(readFileSync(join(d.root, "MEMORY.md"), "utf8")).toBe(HANDBOOK["MEMORY.md"]);
  const entry = (await store.generations.manifest(one))?.find((file) => file.path === "MEMORY.md");
  expect(Buffer.from((await store.generations.blob(entry?.hash ?? "")) ?? []).toString()).toBe(
    HANDBOOK["MEMORY.md"],
  );
  await store.close();
});
