import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/long/**", "test/real/**", "test/browser/**"],
    testTimeout: 20_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});
