import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slowwave-kill-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CHILD = join(import.meta.dirname, "step-thread-kills.child.ts");
const RUNS = 40;
const STEPS = 30;

// The more is told before the kill, the later in their lives it meets the runs.
test.each([40, 300, 900])(
  "killed after %i steps that the writing thread committed, each run ends, and nothing told is done again",
  async (told) => {
    const log = join(folder, "log");
    const lines = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []);
    const begin = (phase: string) =>
      spawn(process.execPath, [CHILD, phase, join(folder, "db"), log], {
        stdio: ["ignore", "ignore", "inherit"],
      });
    const first = begin("first");
    const exit = once(first, "exit");
    const isReady = (seen: readonly string[]) =>
      seen.includes("begun") && seen.filter((line) => line.startsWith("told")).length >= told;
    while (!isReady(lines()) && first.exitCode === null) await wait(2);
    first.kill("SIGKILL");
    await exit;
    const before = lines();
    const [code] = (await once(begin("second"), "exit")) as [number];
    expect(code).toBe(0);
    const after = lines().slice(before.length);

    const known = new Set(before.filter((line) => line.startsWith("told")).map((line) => line.slice(5)));
    const again = after.filter((line) => line.startsWith("did") && known.has(line.slice(4)));
    expect(again).toEqual([]);
    const did = [...before, ...after].filter((line) => line.startsWith("did"));
    const steps = Array.from({ length: RUNS }, (_, run) =>
      Array.from({ length: STEPS }, (__, step) => `did r${run} ${step + 1}`),
    ).flat();
    expect([...new Set(did)].sort()).toEqual(steps.sort());
    // One effect of each run was under way at most.
    expect(did.length - steps.length).toBeLessThanOrEqual(RUNS);
    const ended = [...before, ...after].filter((line) => line.startsWith("ended"));
    const over = new Set(ended.map((line) => line.split(" ").slice(1).join(" ")));
    // A run may have ended before the kill without anybody having heard of it.
    for (const line of over) expect(line).toMatch(new RegExp(`^r\\d+ over ${STEPS}$`));
  },
  120_000,
);
