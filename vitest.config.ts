import { accessSync, constants, statfsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { LONGER } from "./test/longer.ts";
import { LongestFirst } from "./test/longest-first.ts";

const NOT_HERE = [...LONGER, "test/long/**", "test/fleet/**", "test/real/**", "test/browser/**"];

/** They replace a module (`vi.mock`), which must be done before anything loads it. */
const ALONE = ["test/paths/{executed,mutation}.test.ts"];

const IN_MEMORY = "/dev/shm";
/** Many times what all homes of two processes hold at once. */
const ROOM_BYTES = 2 * 1024 ** 3;

/**
 * Thousands of homes come and go, each synced at every commit, as shipped. Where the system has a place for files in
 * memory a sync costs nothing; the long tests work on the disk.
 */
function temporaryFolder(): Readonly<Record<string, string>> {
  try {
    accessSync(IN_MEMORY, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize > ROOM_BYTES ? { TMPDIR: IN_MEMORY } : {};
  } catch {
    return {};
  }
}

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
    env: { ...temporaryFolder(), TEST_AGENT: "in-process" },
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
