import { defineConfig } from "vitest/config";
import { LONGER } from "./test/longer.ts";
import { LongestFirst } from "./test/longest-first.ts";

const NOT_HERE = [...LONGER, "test/long/**", "test/fleet/**", "test/real/**", "test/browser/**"];

/** They replace a module (`vi.mock`), which must be done before anything loads it. */
const ALONE = ["test/paths/{executed,mutation}.test.ts"];

/**
 * Nearly all files take their turns in two processes that load the sources once: to load them anew for each file was a
 * third of the whole time. So a test leaves nothing behind in its process: no environment, no handler, no open store.
 */
export default defineConfig({
  test: {
    globalSetup: ["test/postgres/run.ts"],
    // Far beyond what any test takes: a machine that is busy with other work must not make one red.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "alone", include: ALONE } },
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...NOT_HERE, ...ALONE],
          isolate: false,
        },
      },
    ],
  },
});
