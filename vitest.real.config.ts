import { defineConfig } from "vitest/config";

/** Agents as people have them, against a scripted model on loopback. Installs them first, outside the dependencies. */
export default defineConfig({
  test: {
    include: ["test/real/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 1,
  },
});
