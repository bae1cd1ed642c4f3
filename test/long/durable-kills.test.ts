import { type ChildProcess, spawn } from "node:child_process";
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

const CHILD = join(import.meta.dirname, "durable-kills.child.ts");

/** What both processes of a story recorded; the first was killed once it was ready. */
async function linesOf(story: string): Promise<readonly string[]> {
  const log = join(folder, "log");
  const lines = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  const begin = (phase: string): ChildProcess =>
    spawn(process.execPath, [CHILD, story, phase, join(folder, "db"), log], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  const first = begin("first");
  const exit = once(first, "exit");
  while (!lines().includes("first: ready")) {
    if (first.exitCode !== null) throw new Error(`the first process ended: ${lines().join("; ")}`);
    await wait(10);
  }
  first.kill("SIGKILL");
  await exit;
  const [code] = (await once(begin("second"), "exit")) as [number];
  expect(code).toBe(0);
  return lines();
}

// Nothing whose end was committed is done twice; what was under way is done again under the same key.
test.each([
  ["a child machine", ["first: charged", "first: ready", 'second: end "paid" {}']],
  [
    "messages to a callback",
    ["first: got 1", "first: ready", "second: got 1", "second: got 2", 'second: end {} {"pongs":[1,2]}'],
  ],
  [
    "actors spawned in assign and in the context",
    ["first: job 0 begins", "first: job 1 begins", "first: ready", "second: job 1 begins", /"done":\[0,1\]/],
  ],
  [
    "children without a name",
    [
      "first: job 1 begins",
      "first: job 2 begins",
      "first: ready",
      "second: job 1 begins",
      "second: job 2 begins",
      /"done":\[1,2\]/,
    ],
  ],
  ["a name in the system", ["first: begins", "first: ready", "second: begins", /"answers":1/]],
  ["snapshots of an observable", ["first: ready", /second: end "off" .*-1,0,1.*-1,0,1,2,3/]],
  [
    "timers, the longer one named first",
    ["first: ready", "second: reminder", "second: expired", /"expired"/],
  ],
  ["delayed messages of one type", ["first: ready", /"n":3/]],
  ["a parent and its child that talk", ["first: ready", /"answers":2/]],
])(
  "%s, killed in the middle, goes on where it stood",
  async (story, expected) => {
    const matchers = expected.map((line) => (typeof line === "string" ? line : expect.stringMatching(line)));
    expect(await linesOf(story)).toEqual(matchers);
  },
  60_000,
);
