/**
 * What an admission costs in a database of 100,000 spaces of which 5,000 are due, 4,000 of them one tenant's; and what a
 * worker asks for that finds nothing. `node bench/admission.ts`
 */
import { performance } from "node:perf_hooks";
import { Client } from "pg";
import { openPostgresStore } from "../src/persistence/postgres/index.ts";
import { openClusterFolder, startCluster } from "../test/postgres/cluster.ts";

const SPACES = 100_000;
const HUNGRY = 4_000;
const OTHERS = 1_000;

const folder = openClusterFolder();
const cluster = await startCluster(folder.path, "admission", { major: 15, durable: true });
const store = await openPostgresStore({ url: cluster.url() });
const client = new Client({ connectionString: cluster.url() });
await client.connect();
await client.query(
  `insert into slowwave.jobs (kind, job_key, status, retry_remaining, input_watermark, last_success_watermark, due_since)
   select 'memory_consolidate_global',
     case when n <= $1 then 'hungry/' || n else 'tenant-' || (n % $2) || '/' || n end,
     'pending', 3, 1, case when n <= $1 + $2 then 0 else 1 end, case when n <= $1 + $2 then n end
   from generate_series(1, $3::integer) n`,
  [HUNGRY, OTHERS, SPACES],
);
await client.query("analyze");

const terms = { limits: { fleet: null, tenant: 6 }, successCooldownSeconds: 0, retries: 3, nowMs: 0 };

async function timed(times: number, work: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await work(n);
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b);
}

const line = (took: readonly number[]) =>
  [0, 0.5, 0.95].map((share) => `${(took[Math.floor(took.length * share)] ?? 0).toFixed(1)}`).join(" / ");

const given: string[] = [];
const admit = async () => {
  const { admitted } = await store.admissions.admit({ worker: "bench", count: 8, ...terms });
  given.push(...admitted.map(({ tenant }) => tenant));
};
// 100 times 8 places for 1,001 tenants: each of them gets one at most.
const picks = await timed(100, admit);
console.log(`8 places among ${HUNGRY + OTHERS} due of ${SPACES} spaces: least / p50 / p95 ${line(picks)} ms`);
console.log(
  `given ${given.length}, of them to the hungry tenant ${given.filter((name) => name === "hungry").length}`,
);
await timed(30, admit);
const full = await timed(100, admit);
console.log(`when each tenant that waits is at its limit: least / p50 / p95 ${line(full)} ms`);
await client.query("update slowwave.jobs set last_success_watermark = 1, due_since = null");
await client.query("vacuum analyze slowwave.jobs");
const idle = await timed(200, () => store.admissions.admit({ worker: "bench", count: 8, ...terms }));
console.log(`when nothing is due: least / p50 / p95 ${line(idle)} ms`);
await client.end();
await store.close();
cluster.stop();
folder.close?.();
