import { defineConfig } from "vitest/config";
import { LONGER } from "./test/longer.ts";
import { LongestFirst } from "./test/longest-first.ts";

/**
 * What takes too long for every change: kills, every crash of every path, agents that misbehave, a browser. Part of
 * the gate, not of `npm test`.
 */
export default defineConfig({
  test: {
    include: ["test/long/**/*.test.ts", "test/browser/**/*.test.ts", ...LONGER],
    globalSetup: ["test/browser/build-page.ts", "test/postgres/run.ts"],
    testTimeout: 900_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});
