import { defineConfig } from "vitest/config";

/** What takes too long for every change: many kills, long readers, a browser. Part of the gate, not of `npm test`. */
export default defineConfig({
  test: {
    include: ["test/long/**/*.test.ts", "test/browser/**/*.test.ts"],
    globalSetup: ["test/browser/build-page.ts"],
    testTimeout: 900_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
});
