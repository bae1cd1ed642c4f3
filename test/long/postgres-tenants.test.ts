import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { claimedLease, commitOf, newRun, output } from "../../src/testing/store/given.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

let database: Database;
let sql: Client;
const ROLE = `tenant_${process.pid}`;

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  sql = new Client({ connectionString: database.url });
  await sql.connect();
  const store = await openPostgresStore({ url: database.url, rowSecurity: true });
  for (const space of ["acme/one", "acme/two", "other/one", "acme", "plain"]) await fill(store, space);
  await store.close();
  // Once more, as every process does that opens.
  await (await openPostgresStore({ url: database.url, rowSecurity: true })).close();
  await sql.query(`create role ${ROLE}; grant usage on schema slowwave to ${ROLE};
    grant select, insert, update, delete on all tables in schema slowwave to ${ROLE}`);
});
afterAll(async () => {
  await sql.query(`reset role; drop owned by ${ROLE}; drop role ${ROLE}`);
  await sql.end();
  await database.drop();
});
beforeEach(() => sql.query("reset role; reset slowwave.tenant; delete from slowwave.tenant_roles"));

async function fill(store: Awaited<ReturnType<typeof openPostgresStore>>, space: string): Promise<void> {
  const run = `run of ${space}`;
  await store.memories.upsert(space, [output("t1", { rawMemory: `secret of ${space}` })]);
  const lease = await claimedLease(store, { space, token: space });
  await store.runs.create(newRun({ id: run, space }), commitOf(0, { run }));
  await store.runs.signal({ run, key: null, event: "{}", nowMs: 1 });
  await store.memories.recordInputs(run, [output("t1", { rawMemory: `secret of ${space}` })]);
  const hash = Buffer.from(space).toString("hex");
  const manifest = [{ path: "MEMORY.md", hash, bytes: 1 }];
  const blobs = new Map([[hash, Buffer.from(`memory of ${space}`)]]);
  const generation = {
    id: `g ${space}`,
    space,
    parent: null,
    run,
    kind: "published",
    createdAtMs: 1,
  } as const;
  const journal = { space, root: "/r", generation: generation.id, steps: [] };
  await store.generations.commit({ lease, generation, manifest, blobs, journal, nowMs: 1 });
}

/** How many rows of each table the session sees. */
async function seen(): Promise<Record<string, number>> {
  const { rows } = await sql.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'slowwave' order by 1",
  );
  const counts: Record<string, number> = {};
  for (const { name } of rows) {
    const { rows: counted } = await sql.query(`select count(*)::int as count from slowwave."${name}"`);
    if (counted[0].count > 0) counts[name] = counted[0].count;
  }
  return counts;
}

const OF_TWO_SPACES = {
  // Two texts of a file, the raw memories of two inputs and their one summary.
  blobs: 5,
  events: 2,
  generation_files: 2,
  generations: 2,
  jobs: 2,
  journal: 2,
  recorded_inputs: 2,
  run_input_lists: 2,
  runs: 2,
  signals: 2,
  stage1_outputs: 2,
};

test("a tenant's role sees the rows of its own spaces in every table, and nothing of the others or of the fleet", async () => {
  await sql.query(`set slowwave.tenant = 'acme'; set role ${ROLE}`);
  expect(await seen()).toEqual(OF_TWO_SPACES);
  const { rows } = await sql.query("select distinct space from slowwave.runs order by 1");
  expect(rows).toEqual([{ space: "acme/one" }, { space: "acme/two" }]);
});

test("a session that says no tenant sees nothing, and nobody but the owner changes anything", async () => {
  await sql.query(`set role ${ROLE}`);
  expect(await seen()).toEqual({});
  await sql.query("set slowwave.tenant = 'acme'");
  expect((await sql.query("update slowwave.jobs set fence = 99")).rowCount).toBe(0);
  expect((await sql.query("delete from slowwave.stage1_outputs")).rowCount).toBe(0);
  await expect(sql.query("insert into slowwave.exclusions values ('x', 1)")).rejects.toThrow(
    /row-level security/,
  );
});

test("a role that is bound to its tenant stays so, whatever its session says", async () => {
  await sql.query("insert into slowwave.tenant_roles values ($1, 'acme')", [ROLE]);
  await sql.query(`set slowwave.tenant = 'other'; set role ${ROLE}`);
  expect(await seen()).toEqual(OF_TWO_SPACES);
});
