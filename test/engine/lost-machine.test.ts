import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Interference, originalWorld, type Process, STORES } from "../original/world.ts";
import { session, treeOf } from "./phase2-world.ts";

const memoryPlace = STORES[0]?.[1] as (typeof STORES)[number][1];

interface Death {
  /** Dotted. */
  readonly state: string;
  /** `entered`: nothing of the state was done yet. Else the call of the store that was never made; all before it was done. */
  readonly before: "entered" | "runs.commit" | "generations.closeJournal";
  /** How the run ends on the other machine. */
  readonly ends: "succeeded" | "machine_lost";
  readonly dryRun?: true;
}

const DEATHS: readonly Death[] = [
  { state: "claiming", before: "entered", ends: "succeeded" },
  { state: "claiming", before: "runs.commit", ends: "succeeded" },
  { state: "configuring", before: "entered", ends: "succeeded" },
  { state: "configuring", before: "runs.commit", ends: "succeeded" },
  { state: "loading", before: "entered", ends: "succeeded" },
  { state: "loading", before: "runs.commit", ends: "succeeded" },
  { state: "syncing.summaries", before: "entered", ends: "succeeded" },
  { state: "syncing.summaries", before: "runs.commit", ends: "succeeded" },
  { state: "syncing.rawMemories", before: "entered", ends: "machine_lost" },
  { state: "syncing.rawMemories", before: "runs.commit", ends: "machine_lost" },
  { state: "spawning", before: "entered", ends: "machine_lost" },
  { state: "spawning", before: "runs.commit", ends: "machine_lost" },
  { state: "supervising", before: "entered", ends: "machine_lost" },
  { state: "supervising", before: "runs.commit", ends: "machine_lost" },
  { state: "verifying", before: "entered", ends: "machine_lost" },
  { state: "verifying", before: "runs.commit", ends: "machine_lost" },
  { state: "drafting", before: "entered", ends: "machine_lost", dryRun: true },
  { state: "drafting", before: "runs.commit", ends: "machine_lost", dryRun: true },
  { state: "publishing.confirming", before: "entered", ends: "machine_lost" },
  { state: "publishing.confirming", before: "runs.commit", ends: "machine_lost" },
  { state: "publishing.committing", before: "entered", ends: "machine_lost" },
  { state: "publishing.committing", before: "generations.closeJournal", ends: "succeeded" },
  { state: "publishing.committing", before: "runs.commit", ends: "succeeded" },
  { state: "succeeding.closing", before: "entered", ends: "succeeded" },
  { state: "succeeding.closing", before: "runs.commit", ends: "succeeded" },
  { state: "succeeding.recording", before: "entered", ends: "succeeded" },
  { state: "succeeding.recording", before: "runs.commit", ends: "succeeded" },
];

// What kills a real process is in test/long.
const CASES = DEATHS.map((death) => ({ at: `${death.state} (before ${death.before})`, ...death }));

/** A machine whose process is killed at this moment of its run, with its disk. */
async function lostMachine(world: Awaited<ReturnType<typeof originalWorld>>, death: Omit<Death, "ends">) {
  const { state: at, before, dryRun = false } = death;
  let arrived = () => {};
  const moment = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const home = join(world.home, "machine-a");
  const hangs: Interference = {
    before: (call, state) => {
      if (state !== at || (before !== "entered" && call !== before)) return null;
      arrived();
      return new Promise(() => {});
    },
  };
  const doomed: Process = await world.start(undefined, {
    home,
    ...(before === "entered" ? {} : hangs),
  });
  if (before === "entered") void doomed.reached(at).then(arrived);
  await doomed.engine.start({ dryRun });
  await moment;
  await doomed.kill();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}

test.each(CASES)(
  "where a machine is lost with its disk in $at, another ends its run as $ends at no cost",
  async (death) => {
    const world = await originalWorld(memoryPlace);
    await world.store.memories.upsert("global", [session(1)]);
    const before = await world.row();
    await lostMachine(world, death);
    const next = await world.start(undefined, { home: join(world.home, "machine-b") });
    const [adopted] = await next.engine.recover();
    const result = await adopted?.result;
    const row = await world.row();
    expect([result?.status, row?.retry_remaining, row?.retry_at]).toEqual([death.ends, 3, null]);
    if (death.ends === "machine_lost") {
      expect(result?.outcome).toBe("failed");
      expect(row).toEqual(
        death.dryRun === true
          ? { ...before, fence: row?.fence }
          : {
              ...row,
              ...{ status: "pending", last_error: "machine_lost", worker_id: null, lease_until: null },
              ...{ input_watermark: before?.input_watermark, last_success_watermark: 0 },
            },
      );
      const again = await next.engine.startIfDue();
      expect((await again?.result)?.status).toBe("succeeded");
    }
    await next.close();
    const [generation, ...others] = await world.store.generations.list("global", 9);
    expect([generation?.kind, others, await world.store.generations.openJournal("global")]).toEqual([
      "published",
      [],
      null,
    ]);
    const files = (await world.store.generations.manifest(generation?.id ?? ""))?.map(({ path }) => path);
    const folder = (await treeOf(join(world.home, "machine-b", "memories"))) ?? {};
    expect(Object.keys(folder).sort()).toEqual([".slowwave", ...(files ?? [])]);
    expect(JSON.parse(folder[".slowwave"] ?? "{}")).toMatchObject({ generation: generation?.id });
  },
);

/** Machines of one store, each with a home of its own; the first is killed, with its disk, while its agent works. */
async function machines() {
  const world = await originalWorld(memoryPlace);
  await world.store.memories.upsert("global", [session(1)]);
  const on = (machine: string) => world.start(undefined, { home: join(world.home, machine) });
  return { world, on };
}

test("where machine after machine is lost, the sixth run in a row counts as a failure and waits", async () => {
  const { world, on } = await machines();
  const statuses: unknown[] = [];
  for (let round = 1; round <= 6; round += 1) {
    await lostMachine(world, { state: "supervising", before: "entered" });
    const next = await on(`machine-${round}`);
    const [adopted] = await next.engine.recover();
    const result = await adopted?.result;
    statuses.push(result?.status);
    if (round === 6) expect(result?.reason?.cause).toBe("the machines of 6 runs in a row were lost");
    await next.close();
  }
  expect(statuses).toEqual([...Array(5).fill("machine_lost"), "failed_agent"]);
  expect(await world.row()).toMatchObject({
    status: "error",
    retry_remaining: 2,
    last_error: "failed_agent",
  });
});

test("a workspace that another process prepared is none of the run's, though this machine has one of that name", async () => {
  const { world, on } = await machines();
  await lostMachine(world, { state: "supervising", before: "entered" });
  const here = join(world.home, "machine-b", "staging", "run-1");
  await mkdir(join(here, "workspace"), { recursive: true });
  await writeFile(join(here, "prepared-by"), "somebody else");
  const next = await on("machine-b");
  const [adopted] = await next.engine.recover();
  expect((await adopted?.result)?.status).toBe("machine_lost");
  await next.close();
});

test("a run that an earlier version began, with the folder of its memory in it, goes on in the folder of this machine", async () => {
  const { world, on } = await machines();
  await lostMachine(world, { state: "loading", before: "entered" });
  const record = await world.store.runs.read("run-1");
  if (record === null) throw new Error("no run");
  const snapshot = JSON.parse(record.snapshot) as { context: object };
  const context = { ...snapshot.context, root: join(world.home, "machine-a", "memories") };
  await world.store.runs.redact({
    rows: [],
    snapshot: { run: "run-1", snapshot: JSON.stringify({ ...snapshot, context }) },
  });
  const next = await on("machine-b");
  const [adopted] = await next.engine.recover();
  expect((await adopted?.result)?.status).toBe("succeeded");
  await next.close();
  expect(await treeOf(join(world.home, "machine-a"))).toBeNull();
  expect(await treeOf(join(world.home, "machine-b", "memories"))).not.toBeNull();
});
