/** Memory of many runs that wait for their agents in one process: lease keeper, deadline and watcher each. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEVER } from "rxjs";
import { fromEventObservable, fromPromise } from "xstate";
import type { LeaseHolder, Phase2Event, RunInput } from "../src/domain/phase2.ts";
import { DEFAULT_SETTINGS } from "../src/domain/settings.ts";
import { createDurableEngine } from "../src/durable/engine.ts";
import type { Actors } from "../src/durable/options.ts";
import { systemClock } from "../src/durable/system.ts";
import { createLeaseHolder, createObservers } from "../src/engine/events.ts";
import { phase2Machine } from "../src/machines/phase2.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { keepLease } from "../src/services/job.ts";
import { printTable } from "./table.ts";

export async function supervised(): Promise<void> {
  const rows: string[][] = [];
  for (const count of [1_000, 10_000]) {
    const { rssMb, heapMb, seconds, beatMs } = await hold(count);
    rows.push([
      count.toLocaleString("en"),
      rssMb.toFixed(0),
      heapMb.toFixed(0),
      ((rssMb * 1024) / count).toFixed(1),
      ((heapMb * 1024) / count).toFixed(1),
      seconds.toFixed(1),
      beatMs.toFixed(0),
      tellMicroseconds(count).toFixed(0),
    ]);
  }
  printTable(
    "supervised runs in one process",
    [
      "runs",
      "RSS MB",
      "heap MB",
      "RSS KB a run",
      "heap KB a run",
      "s to start all",
      "ms to beat all",
      "µs to tell an event",
    ],
    rows,
  );
}

/** One event of one of so many runs, to the registry and to metrics that go nowhere. */
function tellMicroseconds(count: number): number {
  const { emit } = createObservers();
  const about = (n: number) => ({ run: `run-${n % count}`, space: `space-${n % count}`, atMs: n });
  for (let n = 0; n < count; n += 1)
    emit({ type: "run.started", ...about(n), adopted: false, state: "claiming" });
  const EVENTS = 2_000;
  const began = performance.now();
  for (let n = 0; n < EVENTS; n += 1) emit({ type: "progress", ...about(n * 7), text: "busy" });
  return ((performance.now() - began) * 1_000) / EVENTS;
}

/** Starts so many runs and lets them wait; what they take, beyond what was there before. */
export async function hold(count: number) {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const store = await openSqliteStore({ path: join(folder, "s.db") });
  globalThis.gc?.();
  const before = process.memoryUsage();
  const engine = createDurableEngine({
    store,
    machine: phase2Machine,
    actors: ({ id, space }) => {
      const holder = createLeaseHolder(
        { id, space },
        { runs: { note: async () => 0 }, clock: systemClock, emit: () => {} },
      );
      holder.setLease({ space, token: id, fence: 1 });
      return new SupervisedActors(holder) as unknown as Actors;
    },
  });
  const began = performance.now();
  const reached = new Promise<void>((resolve) => {
    let left = count;
    engine.committed$.subscribe(({ value }) => {
      if (value === "supervising" && --left === 0) resolve();
    });
  });
  for (let n = 0; n < count; n += 500) {
    const batch = Array.from({ length: Math.min(500, count - n) }, (_, at) =>
      start(engine, `space-${n + at}`),
    );
    await Promise.all(batch);
  }
  await reached;
  const seconds = (performance.now() - began) / 1000;
  globalThis.gc?.();
  const after = process.memoryUsage();
  const leases = Array.from({ length: count }, (_, n) => ({ space: `space-${n}`, token: `t${n}`, fence: 1 }));
  const beating = performance.now();
  for (let at = 0; at < count; at += 256)
    await store.jobs.renew(leases.slice(at, at + 256), { leaseSeconds: 3600, nowMs: Date.now() });
  const beatMs = performance.now() - beating;
  await engine.close({ runs: "leave" });
  await store.close();
  rmSync(folder, { recursive: true });
  const MB = 1024 ** 2;
  return {
    rssMb: (after.rss - before.rss) / MB,
    heapMb: (after.heapUsed - before.heapUsed) / MB,
    seconds,
    beatMs,
  };
}

const IDLE = {
  keepDeadline: fromEventObservable<Phase2Event, RunInput>(() => NEVER),
  configureAgent: fromPromise(async () => ({})),
  loadMemories: fromPromise(async () => ({ inputs: 1, completionWatermark: 1 })),
  syncSummaries: fromPromise(async () => ({ base: null })),
  syncRawMemories: fromPromise(async () => ({ unchanged: false })),
  spawnAgent: fromPromise(async () => ({ kind: "spawned", id: "a", threadId: null, sandbox: "none" })),
  watchAgent: fromEventObservable<Phase2Event, RunInput>(() => NEVER),
  closeAgent: fromPromise(async () => {}),
  recordFailure: fromPromise(async () => "applied"),
  claimJob: fromPromise(async () => ({ kind: "claimed", watermark: 1 })),
};

/** As phase 2 itself has them: made when they are asked for, the lease's keeper with what its run acts under. */
class SupervisedActors {
  readonly #holder: LeaseHolder;

  constructor(holder: LeaseHolder) {
    this.#holder = holder;
  }

  get keepLease() {
    const jobs = { renew: async () => ({ lost: [] }) };
    return keepLease({ jobs, holder: this.#holder, clock: systemClock, settings: DEFAULT_SETTINGS });
  }
}
Object.assign(SupervisedActors.prototype, IDLE);

function start(engine: ReturnType<typeof createDurableEngine>, space: string) {
  return engine.start({
    space,
    input: {
      run: space,
      space,
      root: "/nowhere",
      token: space,
      deadlineAtMs: null,
      force: false,
      settings: DEFAULT_SETTINGS,
      maxRepairs: 2,
      maxRestarts: 2,
    },
  });
}
