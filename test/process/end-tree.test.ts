import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { isLiving, type ProcessStat, readStat } from "../../src/process/process-record.ts";
import { endTree } from "../../src/process/tree.ts";
import { manualClock } from "../agents/manual-clock.ts";
import { realClock } from "../agents/real-clock.ts";

test("what is forked while the tree is being ended is ended too", async () => {
  const [first, second] = [sleeper(), sleeper()];
  const ends = Promise.all([once(first, "exit"), once(second, "exit")]);
  // The second is seen only when the first is gone: a child that was born after the first look.
  const find = () => living(isLiving(readStat(first.pid ?? 0)) ? [first] : [second]);
  await endTree(find, { clock: realClock, graceMs: 0 });
  expect(await ends).toEqual([
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
});

test("what heeds SIGTERM is given its grace", async () => {
  const child = sleeper();
  const end = once(child, "exit");
  await endTree(() => living([child]), { clock: realClock, graceMs: 5_000 });
  expect(await end).toEqual([null, "SIGTERM"]);
});

test("what can't be ended is named after a bounded time; a process of another start time is not signalled", async () => {
  const innocent = sleeper();
  const stranger = { ...(readStat(innocent.pid ?? 0) as ProcessStat), startTime: "1" };
  const clock = manualClock();
  const ended = endTree(() => [stranger], { clock, graceMs: 1_000, killMs: 3_000 });
  const outcome = expect(ended).rejects.toMatchObject({
    code: "agent_unkillable",
    message: expect.stringContaining(`(pid ${innocent.pid})`),
  });
  await clock.advance(4_100);
  await outcome;
  expect(living([innocent])).toHaveLength(1);
});

function sleeper(): ChildProcess {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function living(children: readonly ChildProcess[]): readonly ProcessStat[] {
  return children.map(({ pid }) => readStat(pid ?? 0)).filter(isLiving);
}
