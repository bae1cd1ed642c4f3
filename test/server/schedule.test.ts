import { describe, expect, onTestFinished, test } from "vitest";
import type { Clock } from "../../src/domain/clock.ts";
import type { JobRow } from "../../src/domain/job.ts";
import type { Run } from "../../src/engine/engine-api.ts";
import { memoryJobs } from "../../src/persistence/memory/jobs.ts";
import { keepDue } from "../../src/server/schedule.ts";
import { jobRow, NOW_MS } from "../../src/testing/store/given.ts";

/** A clock that stands still; its next timer rings when the test says so. */
function stillClock() {
  const timers: { fn: () => void; ms: number }[] = [];
  const clock: Clock = {
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
    setTimeout: (fn, ms) => timers.push({ fn, ms }),
    clearTimeout: (id) => void timers.splice(Number(id) - 1, 1),
  };
  return { clock, timers };
}

/** Everything that is ready to go on has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function world(rows: readonly JobRow[], before: () => Promise<void> = async () => {}) {
  const { clock, timers } = stillClock();
  const told: string[] = [];
  const ends = new Map<string, () => void>();
  let recovered = 0;
  const schedule = keepDue({
    jobs: {
      due: (request) => {
        const jobs = new Map(rows.map((row) => [row.job_key, row]));
        return memoryJobs({ jobs, settlements: new Map() }).due(request);
      },
    },
    engine: {
      recover: async () => {
        recovered += 1;
        return [];
      },
      startIfDue: async ({ space = "" } = {}) => {
        told.push(`start ${space}`);
        if (space.startsWith("bad")) throw new Error("refused");
        const result = new Promise((resolve) => ends.set(space, () => resolve(undefined)));
        return { result } as unknown as Run;
      },
    },
    clock,
    everyMs: 60_000,
    successCooldownSeconds: 0,
    retries: 3,
    before,
    isSpent: async (space) => space.startsWith("spent"),
    failed: (space, error) => told.push(`failed ${space}: ${(error as Error).message}`),
  });
  onTestFinished(() => schedule.stop());
  return { told, ends, timers, schedule, recovered: () => recovered };
}

const dirty = (job_key: string) => jobRow({ job_key });

describe("the schedule", () => {
  test("starts at once what a claim would be given for, and nothing else", async () => {
    const { told, recovered } = world([
      dirty("due"),
      dirty("spent today"),
      jobRow({ job_key: "clean", last_success_watermark: 100 }),
      jobRow({ job_key: "waits", retry_at: NOW_MS / 1000 + 60 }),
      jobRow({ job_key: "exhausted", retry_remaining: 0 }),
      jobRow({ job_key: "running", status: "running", lease_until: NOW_MS / 1000 + 60 }),
    ]);
    await settled();
    expect([told, recovered()]).toEqual([["start due"], 1]);
  });

  test("waits for what makes spaces due, tells when that fails, and goes on all the same", async () => {
    let learn = () => {};
    const rows: JobRow[] = [];
    const learned = world(rows, () => new Promise((resolve) => (learn = resolve)));
    await settled();
    expect([learned.told, learned.recovered()]).toEqual([[], 0]);
    rows.push(dirty("due"));
    learn();
    await settled();
    expect(learned.told).toEqual(["start due"]);
    const broken = world([dirty("due")], () => Promise.reject(new Error("no disk")));
    await settled();
    expect(broken.told).toEqual(["failed null: no disk", "start due"]);
  });

  test("works on two spaces at once, on the next as soon as one is done, and rests until the round is over", async () => {
    const { told, ends, timers } = world([dirty("a"), dirty("b"), dirty("c")]);
    await settled();
    expect(told).toEqual(["start a", "start b"]);
    ends.get("a")?.();
    await settled();
    expect([told, timers]).toEqual([["start a", "start b", "start c"], []]);
    ends.get("b")?.();
    ends.get("c")?.();
    await settled();
    expect(timers.map(({ ms }) => ms)).toEqual([60_000]);
    timers[0]?.fn();
    await settled();
    expect(told.slice(3)).toEqual(["start a", "start b"]);
  });

  test("tells what a space cannot, and goes on with the others", async () => {
    const { told } = world([dirty("bad"), dirty("worse-not"), dirty("bad-too"), dirty("last")]);
    await settled();
    expect(told).toEqual([
      "start bad",
      "start bad-too",
      "failed bad: refused",
      "failed bad-too: refused",
      "start last",
      "start worse-not",
    ]);
  });

  test("begins nothing after it was stopped", async () => {
    const { told, ends, timers, schedule } = world([dirty("a"), dirty("b"), dirty("c")]);
    await settled();
    schedule.stop();
    for (const end of ends.values()) end();
    await settled();
    expect([told, timers]).toEqual([["start a", "start b"], []]);
  });
});
