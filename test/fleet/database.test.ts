import { describe, expect, test } from "vitest";
import { majorsHere } from "../postgres/servers.ts";
import { hasStandby } from "../postgres/standby.ts";
import { failOver, type Shortage, starve } from "./database-faults.ts";
import { ALL_IS_WELL } from "./invariants.ts";
import { restartDatabase, type Scale } from "./scenarios.ts";

const [major = 15] = majorsHere();
const SMALL: Scale = { major, spaces: 40, ttlMs: 5_000 };
const withStandby = majorsHere().find(hasStandby);

describe.skipIf(majorsHere().length === 0)("of a fleet, when its database", () => {
  test("crashes and is away for three times what a worker may be silent, nobody loses a run", async () => {
    const figures = await restartDatabase({ ...SMALL, awayMs: 15_000 });
    console.log(figures);
    const { verdict, takeoversOfTheLiving } = figures;
    expect({ verdict, takeoversOfTheLiving }).toEqual({ verdict: ALL_IS_WELL, takeoversOfTheLiving: [] });
  });

  test.skipIf(withStandby === undefined)(
    "is lost and its synchronous standby takes over, no acknowledged commit and no run is lost",
    async () => {
      const figures = await failOver({ ...SMALL, major: withStandby ?? major });
      console.log(figures);
      const { verdict, lostCommits, takeoversOfTheLiving } = figures;
      expect({ verdict, lostCommits, takeoversOfTheLiving }).toEqual({
        verdict: ALL_IS_WELL,
        lostCommits: 0,
        takeoversOfTheLiving: [],
      });
      expect(figures.acknowledged).toBeGreaterThan(10);
    },
  );

  const shortages: readonly Shortage[] = [
    "connections",
    "timeout",
    ...(process.getuid?.() === 0 ? (["disk"] as const) : []),
  ];
  test.each(shortages)("has too little of something for a while (%s), the work goes on", async (of) => {
    const figures = await starve({ ...SMALL, of });
    console.log(of, figures);
    expect(figures.verdict).toEqual(ALL_IS_WELL);
  });
});
