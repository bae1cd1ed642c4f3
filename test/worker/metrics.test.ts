import { expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { installMeter } from "../original/meter.ts";
import { eventually, fleetWorld, heldAgents } from "./world.ts";

type OverviewTerms = Parameters<Store["admissions"]["overview"]>[0];
type Points = Readonly<Record<string, number>>;

/** The function reads every value of the fleet's metrics, by name, unit and label. */
function meter(): () => Promise<Readonly<Record<string, Points>>> {
  const collect = installMeter();
  return async () => {
    const read = await collect();
    const shown = read.filter(({ descriptor }) => /^slowwave\.(fleet|worker)\./.test(descriptor.name));
    return Object.fromEntries(
      shown.map(({ descriptor: { name, unit }, dataPoints }) => [
        unit === "" ? name : `${name} (${unit})`,
        Object.fromEntries(
          dataPoints.map(({ attributes, value }) => [String(attributes.tenant ?? ""), Number(value)]),
        ),
      ]),
    );
  };
}

/** Fewer than the spaces that are due, so that some wait. */
const PLACES = 23;
/** One more tenant at work than the overview names. */
const TENANTS = Array.from({ length: 21 }, (_, n) => `t${String(n + 10)}`);

test("a worker tells OpenTelemetry of itself and of the fleet, few tenants by name and the others together", async () => {
  const seen = meter();
  const spaces = [...TENANTS.map((tenant) => `${tenant}/a`), "t10/b", "t10/c", "t10/d", "t10/e"];
  const { worker, clock, store, shared } = await fleetWorld(...spaces);
  const { agent, working } = heldAgents();
  // Since when a space has waited is a matter of when it was imported, by another clock.
  const overview = async (terms: OverviewTerms) => {
    const found = await store.admissions.overview(terms);
    return { ...found, oldestDueAtMs: terms.nowMs - 12_500 };
  };
  const own = openMemoryStore({ world: shared });
  const admissions = { ...own.admissions, overview };
  const one = worker(agent, { concurrency: PLACES, store: { ...own, admissions } });
  await one.worker.start();
  await clock.advance(0);
  await eventually(() => working().length).toBe(PLACES);
  // What the store answered is good for ten seconds.
  await clock.advance(10_000);
  const named = TENANTS.slice(1, 20).map((tenant) => [tenant, 1]);
  expect(await seen()).toEqual({
    "slowwave.fleet.due": { "": 2 },
    "slowwave.fleet.due.oldest_age (s)": { "": 12.5 },
    "slowwave.fleet.admitted": { "": 0 },
    "slowwave.fleet.workers": { "": 1 },
    "slowwave.fleet.running": { t10: 3, ...Object.fromEntries(named), "(others)": 1 },
    "slowwave.worker.running": { "": PLACES },
    "slowwave.worker.takeovers": { "": 0 },
    "slowwave.worker.leases_lost": { "": 0 },
    "slowwave.worker.beat_age (s)": { "": one.worker.status().beatAgeMs / 1_000 },
  });

  // It dies, and another one takes over what it has places for.
  one.worker.stop();
  shared.held.clear();
  const next = worker(heldAgents().agent, { concurrency: 2 });
  await next.worker.start();
  await clock.advance(0);
  const read = await seen();
  expect(read["slowwave.worker.takeovers"]).toEqual({ "": 2 });
  expect(read["slowwave.worker.running"]).toEqual({ "": 2 });
});

test("a store that can't be reached tells nothing of the fleet, and the worker goes on telling of itself", async () => {
  const seen = meter();
  const { worker, clock, store } = await fleetWorld("t/a");
  const { agent, working } = heldAgents();
  const gone = async () => {
    throw new Error("the store is away");
  };
  const admissions = { ...store.admissions, overview: gone };
  const one = worker(agent, { store: { ...store, admissions } });
  await one.worker.start();
  await clock.advance(0);
  await eventually(working).toEqual(["t/a"]);
  const { "slowwave.worker.beat_age (s)": _, ...read } = await seen();
  const ofFleet = Object.entries(read).filter(([name]) => name.startsWith("slowwave.fleet."));
  expect(ofFleet.flatMap(([, points]) => Object.keys(points))).toEqual([]);
  expect(read).toMatchObject({
    "slowwave.worker.running": { "": 1 },
    "slowwave.worker.takeovers": { "": 0 },
  });
});
