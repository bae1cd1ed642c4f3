import { describe, expect, test } from "vitest";
import { majorsHere } from "../postgres/servers.ts";
import type { Scale } from "./scenarios.ts";
import { sampleLimits, share } from "./shares.ts";

const [major = 15] = majorsHere();
const SMALL: Scale = { major, spaces: 300, ttlMs: 5_000 };

describe.skipIf(majorsHere().length === 0)("of a fleet on PostgreSQL", () => {
  test("a tenant with very much to do gets no further place while others wait for their first", async () => {
    const figures = await share({ ...SMALL, others: 40 });
    console.log(figures);
    expect(figures.overlaps).toBe(0);
    // By order alone: the computer may be busy. How long a place was free `bench/fleet.ts` tells.
    expect(figures.hungryAhead).toBeLessThanOrEqual(figures.places);
  });

  test("no sample of ten thousand finds a limit passed", async () => {
    const { samples, above, most, agents } = await sampleLimits({ ...SMALL, samples: 10_000 });
    console.log({ samples, most, agents });
    // Both were reached, so that they were tried.
    expect({ samples, above, most }).toEqual({ samples: 10_000, above: 0, most: { fleet: 20, tenant: 7 } });
    expect(agents.fleet).toBeLessThanOrEqual(20);
    expect(agents.tenant).toBeLessThanOrEqual(7);
  });
});
