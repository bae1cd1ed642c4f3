import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { hasPgbouncer } from "../postgres/pgbouncer.ts";
import { freshDatabase, sharedCluster, sharedPgbouncer } from "../postgres/run.ts";
import { majorsHere } from "../postgres/servers.ts";

describe.each(majorsHere())("a throw-away PostgreSQL %i", (major) => {
  test("gives each test a database of its own, from a template", async () => {
    const cluster = await sharedCluster(major);
    const from = {
      template: "of_cluster_test",
      prepare: (url: string) => query(url, "create table t (n int)"),
    };
    const databases = await Promise.all([freshDatabase(cluster, from), freshDatabase(cluster, from)]);
    await query(databases[0]?.url ?? "", "insert into t values (1)");
    expect(await Promise.all(databases.map(({ url }) => query(url, "select n from t")))).toEqual([
      [{ n: 1 }],
      [],
    ]);
    await Promise.all(databases.map((database) => database.drop()));
  });

  test.skipIf(!hasPgbouncer())("is reached through pgbouncer in transaction mode", async () => {
    const cluster = await sharedCluster(major);
    const database = await freshDatabase(cluster);
    const through = await sharedPgbouncer(major);
    expect(await query(through(database.name), "select current_database() as name")).toEqual([
      { name: database.name },
    ]);
    await database.drop();
  });
});

async function query(url: string, text: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
