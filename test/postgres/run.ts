import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import {
  type Cluster,
  closeClusters,
  clusterIn,
  guardClusters,
  makeClusterFolder,
  startCluster,
} from "./cluster.ts";
import { startPgbouncer } from "./pgbouncer.ts";
import type { Major } from "./servers.ts";

/**
 * Global set-up of vitest: one folder for the clusters of a test run. A cluster is started by the first test that
 * asks for one of its kind, in whatever process it runs, and all end with the run, however it ends.
 */
export function setup(): () => void {
  // Each project of a run calls this; the first one makes the folder.
  if (process.env.SLOWWAVE_TEST_CLUSTERS) return () => {};
  const folder = makeClusterFolder();
  process.env.SLOWWAVE_TEST_CLUSTERS = folder;
  writeFileSync(join(folder, "owner"), String(process.pid));
  return () => {
    closeClusters(folder);
    delete process.env.SLOWWAVE_TEST_CLUSTERS;
  };
}

/**
 * The one cluster of this kind of the whole test run; a test takes a database of its own in it. A test that stops its
 * server starts one for itself (`startCluster`).
 */
export async function sharedCluster(major: Major, { durable = false } = {}): Promise<Cluster> {
  const name = `${major}${durable ? "-durable" : ""}`;
  const { folder, bin, account, port } = await once(name, async (run) => {
    const cluster = await startCluster(run, name, { major, durable });
    return { folder: cluster.folder, bin: cluster.bin, account: cluster.account, port: cluster.port };
  });
  return clusterIn(folder, bin, account, major, port);
}

/** The way to a shared cluster's databases through pgbouncer in transaction mode, one for the whole run. */
export async function sharedPgbouncer(major: Major): Promise<(database: string) => string> {
  const cluster = await sharedCluster(major);
  const name = `pgbouncer-${major}`;
  const { pattern } = await once(name, async () => {
    const pooler = await startPgbouncer(cluster, { name });
    return { pattern: pooler.url("DATABASE") };
  });
  return (database) => pattern.replace("DATABASE", database);
}

/** Done by one process of the run; the others wait for its answer. */
async function once<T>(name: string, make: (folder: string) => Promise<T>): Promise<T> {
  const folder = process.env.SLOWWAVE_TEST_CLUSTERS;
  if (!folder) throw new Error("test/postgres/run.ts must be a globalSetup of this vitest configuration.");
  const answer = join(folder, `${name}.json`);
  if (takes(join(folder, "guarded")))
    guardClusters(folder, Number(readFileSync(join(folder, "owner"), "utf8")));
  if (takes(join(folder, `${name}.making`))) {
    const made = await make(folder).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: String(error) }),
    );
    writeFileSync(`${answer}.new`, JSON.stringify(made));
    renameSync(`${answer}.new`, answer);
  }
  const { value, error } = await written<{ readonly value: T; readonly error?: string }>(answer);
  if (error !== undefined) throw new Error(error);
  return value;
}

/** Whether this process is the first to take it. */
function takes(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

async function written<T>(file: string): Promise<T> {
  for (const start = Date.now(); ; await new Promise((done) => setTimeout(done, 50))) {
    try {
      return JSON.parse(readFileSync(file, "utf8")) as T;
    } catch (error) {
      if (Date.now() - start > 60_000) throw new Error(`No other process made ${file}.`, { cause: error });
    }
  }
}

export interface Database {
  readonly name: string;
  readonly url: string;
  drop(): Promise<void>;
}

let databases = 0;

/**
 * An empty database, or a copy of the template that `prepare` filled: it is called once a run for each `template`.
 * The copy is made while nobody is connected to the template, so `prepare` ends all its connections.
 */
export async function freshDatabase(
  cluster: Cluster,
  from?: { readonly template: string; prepare(url: string): Promise<unknown> },
): Promise<Database> {
  if (from) {
    await once(`${cluster.major}-${from.template}`, async () => {
      await ask(cluster, `create database ${quoted(from.template)}`);
      await from.prepare(cluster.url(from.template));
      return null;
    });
  }
  databases += 1;
  const name = `test_${process.pid}_${databases}`;
  // Two processes that copy one template at once would refuse each other.
  const template = from ? ` template ${quoted(from.template)}` : "";
  await ask(cluster, `create database ${quoted(name)}${template}`, { alone: true });
  return {
    name,
    url: cluster.url(name),
    drop: () => ask(cluster, `drop database if exists ${quoted(name)} with (force)`),
  };
}

async function ask(cluster: Cluster, statement: string, { alone = false } = {}): Promise<void> {
  const client = new Client({ connectionString: cluster.url() });
  await client.connect();
  try {
    // Of a session: released with it.
    if (alone) await client.query("select pg_advisory_lock(7)");
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
