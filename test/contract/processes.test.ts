import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LocalStore } from "../../src/domain/ports.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { type StoreContractPart, storeContract } from "../../src/testing/store/contract.ts";
import {
  asking,
  claimedLease,
  commitOf,
  laterMs,
  NOW_MS,
  newRun,
  type World,
} from "../../src/testing/store/given.ts";
import { type StoreProcess, storeProcess } from "./process.ts";
import { contractFolder } from "./world.ts";

describe("the contract between two processes on one file", () => {
  let other: StoreProcess;
  beforeAll(async () => {
    other = await storeProcess();
  });
  afterAll(() => other.kill());

  async function open(): Promise<World> {
    const folder = await contractFolder();
    const path = join(folder, "slowwave.db");
    const [a, b] = await Promise.all([openSqliteStore({ path }), other.open({ path })]);
    const close = async () => {
      await Promise.all([a.close(), b.close()]);
      await rm(folder, { recursive: true });
    };
    return { a, b, close };
  }

  const parts: readonly StoreContractPart[] = [
    "life",
    "claims",
    "settlements",
    "commits",
    "memories",
    "runs",
    "generations",
    "liveness",
  ];
  storeContract("a process each", open, { parts });
});

describe("many processes on one file", () => {
  let folder: string;
  let path: string;
  /** They serve one test after the other; one that a test has killed is replaced. */
  let processes: readonly StoreProcess[] = [];
  let opened: readonly { readonly process: StoreProcess; readonly store: LocalStore }[] = [];
  beforeEach(async () => {
    folder = await contractFolder();
    path = join(folder, "slowwave.db");
  });
  afterEach(async () => {
    processes = processes.filter(({ isAlive }) => isAlive());
    const living = opened.filter(({ process }) => process.isAlive());
    await Promise.all(living.map(({ store }) => store.close()));
    await rm(folder, { recursive: true });
  });
  afterAll(() => Promise.all(processes.map((process) => process.kill())));

  async function stores(count: number): Promise<readonly LocalStore[]> {
    const missing = Array.from({ length: count - processes.length }, () => storeProcess());
    processes = [...processes, ...(await Promise.all(missing))];
    const opening = processes
      .slice(0, count)
      .map(async (process) => ({ process, store: await process.open({ path }) }));
    opened = await Promise.all(opening);
    return opened.map(({ store }) => store);
  }

  test("eight that create the database and claim at once: one is given the job", async () => {
    const all = await stores(8);
    await all[0]?.jobs.enqueue("global", 100);
    const outcomes = await Promise.all(
      all.map((store, at) => store.jobs.claim(asking({ token: `token-${at}`, worker: `worker-${at}` }))),
    );
    expect(outcomes.filter(({ kind }) => kind === "claimed")).toEqual([
      { kind: "claimed", fence: 1, watermark: 100 },
    ]);
    const refused = outcomes.filter(({ kind }) => kind === "skipped");
    expect(refused).toEqual(Array.from({ length: 7 }, () => ({ kind: "skipped", why: "running" })));
    const row = await all[0]?.jobs.read("global");
    const winner = outcomes.findIndex(({ kind }) => kind === "claimed");
    expect(row).toMatchObject({ worker_id: `worker-${winner}`, ownership_token: `token-${winner}` });
  });

  test("updates of four at once are all there", async () => {
    const all = await stores(4);
    // Every enqueue of an old watermark is one step, so that each lost update would be missing from the sum.
    const deeds = all.flatMap((store) => Array.from({ length: 50 }, () => store.jobs.enqueue("global", 0)));
    await Promise.all(deeds);
    expect((await all[0]?.jobs.read("global"))?.input_watermark).toBe(199);
  });

  test("commits of four at once to one run: each place in the log is given once", async () => {
    const all = await stores(4);
    await all[0]?.runs.create(newRun(), commitOf(0));
    const sequences = Array.from({ length: 12 }, (_, at) => at + 1);
    const outcomes = await Promise.all(
      all.map(async (store, by) => {
        const won: number[] = [];
        for (const sequence of sequences) {
          const outcome = await store.runs.commit(commitOf(sequence, { event: JSON.stringify({ by }) }));
          if (outcome === "ok") won.push(sequence);
        }
        return won;
      }),
    );
    const log = await all[0]?.runs.log({ run: "run-1", after: 0, limit: 99 });
    const won = outcomes.flat().sort((left, right) => left - right);
    expect(won).toEqual(log?.slice(1).map(({ sequence }) => sequence));
    expect(new Set(won).size).toBe(won.length);
    const lastOf = (await all[0]?.runs.read("run-1"))?.sequence;
    expect(lastOf).toBe(won.length);
  });

  test("an owner that is killed is dead at once, stopped it is alive; what it held can be taken", async () => {
    const [theirs] = await stores(1);
    const [process] = processes;
    const ours = await openSqliteStore({ path });
    if (!theirs || !process) throw new Error("no process");
    await theirs.liveness.register("owner-b");
    await theirs.locks.lock("root");
    const lease = await claimedLease(theirs, { worker: "owner-b" });
    await theirs.runs.create(newRun({ owner: "owner-b" }), commitOf(0));

    process.signal("SIGSTOP");
    expect(await ours.liveness.probe("owner-b")).toBe("alive");
    expect(await ours.locks.lock("root")).toBeNull();
    process.signal("SIGCONT");
    expect(await ours.liveness.probe("owner-b")).toBe("alive");

    await process.kill();
    expect(await ours.liveness.probe("owner-b")).toBe("dead");
    expect(readdirSync(join(folder, "owners"))).toEqual(["locks"]);
    expect(await ours.liveness.probe("owner-b")).toBe("dead");
    expect(await ours.locks.lock("root")).not.toBeNull();
    const by = { ...lease, worker: "owner-a", leaseSeconds: 60, nowMs: laterMs(1) };
    expect(await ours.jobs.takeOver(by)).toEqual({ ...lease, fence: 2 });
    const run = await ours.runs.takeOver({ run: "run-1", fence: 1, owner: "owner-a", nowMs: NOW_MS });
    expect(run?.fence).toBe(2);
    await ours.close();
  });

  test("many who ask at once for a dead owner all learn that it is dead", async () => {
    const all = await stores(5);
    await all[0]?.liveness.register("owner-b");
    await processes[0]?.kill();
    const answers = await Promise.all(all.slice(1).map((store) => store.liveness.probe("owner-b")));
    expect(answers).toEqual(["dead", "dead", "dead", "dead"]);
  });

  test("of many who ask at once for one lock exactly one gets it", async () => {
    const all = await stores(5);
    const locks = await Promise.all(all.map((store) => store.locks.lock("root")));
    expect(locks.filter((lock) => lock !== null).length).toBe(1);
  });
});
