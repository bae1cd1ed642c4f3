/**
 * What it costs PostgreSQL to take old runs out of the log row by row, as retention does, and to vacuum it afterwards;
 * beside it, dropping a partition with as many rows. `node bench/retention.ts [ROWS]`
 */
import { performance } from "node:perf_hooks";
import { Client } from "pg";
import { openPostgresStore } from "../src/persistence/postgres/index.ts";
import { openClusterFolder, startCluster } from "../test/postgres/cluster.ts";
import { majorsHere } from "../test/postgres/servers.ts";
import { printTable } from "./table.ts";

const ROWS_OF_RUN = 18;
/** The share of the log that one day of a fleet takes away, where it keeps runs for a month. */
const SHARE = 1 / 30;
const rows = Number(process.argv[2] ?? 300_000);
const [major] = majorsHere();
if (major === undefined) throw new Error("There is no PostgreSQL here.");

const clusters = openClusterFolder();
const { url } = await startCluster(clusters.path, "retention", { major, durable: true });
await (await openPostgresStore({ url: url() })).close();
const client = new Client({ connectionString: url() });
await client.connect();

async function timed(sql: string, values: readonly unknown[] = []): Promise<number> {
  const began = performance.now();
  await client.query(sql, [...values]);
  return performance.now() - began;
}

const LOG_ROWS = `select n, 'run-' || lpad((n / ${ROWS_OF_RUN})::text, 9, '0'), n % ${ROWS_OF_RUN}, 0, 'step', 'state',
  (select string_agg(md5(n::text || part), '') from generate_series(1, 20) part) from generate_series(1, $1::integer) n`;
await client.query(`insert into slowwave.events (id, run, sequence, at, type, value, data) ${LOG_ROWS}`, [
  rows,
]);
await client.query("vacuum analyze slowwave.events");
const gone = Math.floor((rows * SHARE) / ROWS_OF_RUN);
const deleted = await timed(
  `delete from slowwave.events where run in
     (select 'run-' || lpad((n * 30)::text, 9, '0') from generate_series(1, $1::integer) n)`,
  [gone],
);
const vacuum = await timed("vacuum slowwave.events");
const again = await timed("vacuum slowwave.events");
await client.query("create table month (like slowwave.events including all)");
await client.query(`insert into month (id, run, sequence, at, type, value, data) ${LOG_ROWS}`, [
  gone * ROWS_OF_RUN,
]);
const dropped = await timed("drop table month");
const [{ bytes = 0 } = {}] = (
  await client.query<{ bytes: number }>("select pg_total_relation_size('slowwave.events')::float8 as bytes")
).rows;
printTable(
  `a log of ${rows} rows (${(bytes / 2 ** 20).toFixed(0)} MB) in PostgreSQL ${major}, of which ${gone} runs in between are taken away`,
  ["", "ms", "µs a run"],
  [
    ["delete, in one transaction", deleted],
    ["vacuum after it", vacuum],
    ["vacuum with nothing to do", again],
    ["drop a partition with as many rows", dropped],
  ].map(([title, ms]) => [String(title), Number(ms).toFixed(0), ((Number(ms) / gone) * 1_000).toFixed(0)]),
);
await client.end();
clusters.close();
