import { expect, test } from "vitest";
import { releaseParked } from "../../src/engine/recovery.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { claimedLease, commitOf, newRun } from "../../src/testing/store/given.ts";
import { manualClock } from "../agents/manual-clock.ts";
import { overriding } from "../paths/world/ports.ts";

/** A run that nobody here can read, whose job is still running under its token. */
async function parkedRun() {
  const store = openMemoryStore();
  const clock = manualClock();
  const lease = await claimedLease(store, { nowMs: clock.nowMs() });
  const snapshot = JSON.stringify({ context: { token: lease.token } });
  await store.runs.create(newRun(), commitOf(0, { snapshot }));
  await store.runs.park({ run: "run-1", fence: 1, reason: "another version", nowMs: clock.nowMs() });
  const record = await store.runs.read("run-1");
  if (record === null) throw new Error("no such run");
  return { store, clock, lease, record };
}

test("its job is released when it is cancelled, once", async () => {
  const { store, clock, record } = await parkedRun();
  const deps = { store, clock, owner: "canceller" };
  expect(await releaseParked(deps, record)).toBe(true);
  expect(await store.jobs.read("global")).toMatchObject({ status: "pending", last_error: "cancelled" });
  expect(await releaseParked(deps, record)).toBe(false);
});

test("where another process cancels it in between, the second one finds nothing to release", async () => {
  const { store, clock, lease, record } = await parkedRun();
  const jobs = overriding(store.jobs, {
    takeOver: async (request) => {
      await store.jobs.release({ lease, reason: "cancelled", nowMs: clock.nowMs() });
      return store.jobs.takeOver(request);
    },
  });
  expect(await releaseParked({ store: { jobs }, clock, owner: "canceller" }, record)).toBe(false);
});
