/**
 * How long it takes from the import of a space to its claim by one of three workers that rest: on PostgreSQL, with
 * `NOTIFY`, by the clock of the process that they all share here. `node bench/dispatch.ts [SPACES]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { functionAgent } from "../src/agents/function-agent.ts";
import { createEngine } from "../src/engine/engine.ts";
import { createWorker } from "../src/fleet/index.ts";
import { openPostgresStore } from "../src/persistence/postgres/index.ts";
import { consolidate } from "../test/engine/diligent.ts";
import { sessionsOf } from "../test/fleet/fleet.ts";
import { openClusterFolder, startCluster } from "../test/postgres/cluster.ts";
import { majorsHere } from "../test/postgres/servers.ts";
import { quantile } from "./table.ts";

const WORKERS = 3;
const WARM_UP = Number(process.env.WARM_UP ?? 20);
const spaces = Number(process.argv[2] ?? 100);
const [major] = majorsHere();
if (major === undefined) throw new Error("There is no PostgreSQL here.");

const clusters = openClusterFolder();
const homes = mkdtempSync(join(tmpdir(), "slowwave-dispatch-"));
const { url } = await startCluster(clusters.path, "dispatch", { major, durable: true });
const claimed = new Map<string, () => void>();

async function startWorker(name: string) {
  const store = await openPostgresStore({ url: url() });
  const agent = functionAgent(async ({ workspace }) => {
    await consolidate(workspace);
    return "done";
  });
  const engine = createEngine({ store, agent, home: join(homes, name) });
  engine.events$.subscribe((event) => {
    if (event.type === "state.entered" && event.state !== "claiming") claimed.get(event.space)?.();
  });
  const worker = createWorker({ engine, store, name });
  await worker.start();
  return async () => {
    await worker.drain();
    await engine.close();
    await store.close();
  };
}

const ends = await Promise.all(Array.from({ length: WORKERS }, (_, at) => startWorker(`w${at}`)));
const importer = await openPostgresStore({ url: url() });
const times: number[] = [];
for (let at = 0; at < WARM_UP + spaces; at += 1) {
  const space = `tenant-${at % 7}/space-${at}`;
  const seen = new Promise<void>((resolve) => claimed.set(space, resolve));
  const began = performance.now();
  await importer.memories.upsert(space, sessionsOf(at));
  await seen;
  if (at >= WARM_UP) times.push(performance.now() - began);
  claimed.delete(space);
  // The run ends, and everybody rests, before the next.
  await pause(150 + 100 * Math.random());
}
const figures = [0.5, 0.95, 0.99].map((share) => quantile(times, share).toFixed(0)).join(" / ");
console.log(
  `import to claim, ${spaces} spaces, ${WORKERS} workers, PostgreSQL ${major}: p50 / p95 / p99 ${figures} ms (goal 100)`,
);
await Promise.all(ends.map((end) => end()));
await importer.close();
clusters.close();
rmSync(homes, { recursive: true });
