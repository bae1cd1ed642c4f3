import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { isLiving, readStat } from "../../src/process/process-record.ts";
import { endGroup } from "../../src/process/tree.ts";
import { realClock } from "../agents/real-clock.ts";

/** The way of platforms without /proc; here /proc only looks on. */
test.each([
  ["heeds SIGTERM", "sleep 1000 & echo $!; wait", 5_000, "SIGTERM"],
  ["ignores it", "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done", 50, "SIGKILL"],
] as const)("a group whose head %s is ended with its children", async (_, script, graceMs, signal) => {
  const head = spawn("sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const exit = once(head, "exit");
  const [line] = (await once(head.stdout, "data")) as [Buffer];
  const child = Number(line.toString());
  onTestFinished(() => {
    if (isLiving(readStat(child))) process.kill(child, "SIGKILL");
  });
  await endGroup(
    head.pid ?? 0,
    exit.then(() => {}),
    realClock,
    graceMs,
  );
  expect(await exit).toEqual([null, signal]);
  while (isLiving(readStat(child))) await new Promise((resolve) => setImmediate(resolve));
});
