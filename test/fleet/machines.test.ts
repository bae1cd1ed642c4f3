import { describe, expect, test } from "vitest";
import { majorsHere } from "../postgres/servers.ts";
import { ALL_IS_WELL } from "./invariants.ts";
import { findFaketime } from "./machine.ts";
import { hasNetworks } from "./network.ts";
import { cutWorker, freezeWorker, killWorkers, type Scale, skewClocks } from "./scenarios.ts";

const [major = 15] = majorsHere();
const SMALL: Scale = { major, spaces: 40, ttlMs: 5_000 };

describe.skipIf(majorsHere().length === 0)("of a fleet on PostgreSQL", () => {
  test.each([
    { major, carrier: "none" },
    { major: majorsHere().at(-1) ?? major, carrier: "pg-boss" },
  ] as const)(
    "workers that are killed with their disks cost no run and no input: others go on (%j)",
    async (how) => {
      const figures = await killWorkers({ ...SMALL, ...how, spaces: 60, kills: 4, everyMs: 3_000 });
      console.log(how, figures);
      const { verdict, kills, takeoversOfTheLiving, peak, carried } = figures;
      expect({ verdict, kills, takeoversOfTheLiving }).toEqual({
        verdict: ALL_IS_WELL,
        kills: 4,
        takeoversOfTheLiving: [],
      });
      // How soon `bench/fleet.ts` tells; here the computer may be busy.
      expect(figures.nextAgentMaxSeconds).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(peak.fleet).toBeLessThanOrEqual(20);
      expect(peak.tenant).toBeLessThanOrEqual(6);
      // Those that a killed worker had are worked on by whoever admits them again.
      expect(carried).toBeGreaterThanOrEqual(how.carrier === "none" ? 0 : 10);
    },
  );

  test("a worker that stood still ends its agents when it wakes, and writes nothing", async () => {
    const figures = await freezeWorker(SMALL);
    console.log(figures);
    expect(figures.verdict).toEqual(ALL_IS_WELL);
    expect(figures.agents).toBeGreaterThan(0);
    expect(figures.cutOffs).toBeGreaterThan(0);
    expect(figures.tailMs).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test.skipIf(!hasNetworks()).each(["both", "up", "down", "reset", "lost"] as const)(
    "a worker that is cut off (%s) ends its agents before others begin theirs, and comes back by itself",
    async (how) => {
      const figures = await cutWorker({ ...SMALL, how });
      console.log(how, figures);
      expect(figures.verdict).toEqual(ALL_IS_WELL);
      expect(figures.agents).toBeGreaterThan(0);
      expect(figures.cutOffs).toBeGreaterThan(0);
      expect(figures.endedAfterMs).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(figures.backAfterMs).toBeLessThan(Number.POSITIVE_INFINITY);
    },
  );

  test.skipIf(findFaketime() === null)(
    "clocks that are two hours off rob nobody of a lease, and are told",
    async () => {
      const { verdict, takeoversOfTheLiving, offsetsHours } = await skewClocks(SMALL);
      expect({ verdict, takeoversOfTheLiving, offsetsHours }).toEqual({
        verdict: ALL_IS_WELL,
        takeoversOfTheLiving: [],
        offsetsHours: [-2, 0, 2],
      });
    },
  );
});
