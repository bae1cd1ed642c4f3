import { defineConfig } from "vitest/config";

/**
 * A fleet of real processes on a real PostgreSQL, whose machines are killed, frozen, cut off and misled. One test at a
 * time: what they measure are times.
 */
export default defineConfig({
  test: {
    include: ["test/fleet/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 1,
  },
});
