import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { HAS_PROC, identityOf, readStat } from "../../src/process/process-record.ts";
import { createProcessTree } from "../../src/process/tree.ts";
import { realClock } from "../agents/real-clock.ts";

test.runIf(HAS_PROC)(
  "one that has left its session, its mark and its parent is known if it was seen before",
  async () => {
    const key = `t${process.pid}x-known`;
    const child = spawn("sh", ["-c", "env -i setsid sh -c 'echo up; exec sleep 1000' & read line"], {
      detached: true,
      env: { PATH: process.env.PATH, SLOWWAVE_RUN: key },
      stdio: ["pipe", "pipe", "ignore"],
    });
    const exit = once(child, "exit");
    const leader = identityOf(child.pid ?? 0);
    const options = { leader, key, usesPidNamespace: false, clock: realClock };
    const tree = createProcessTree(options);
    await once(child.stdout, "data");
    const hidden = tree.look().filter(({ pid }) => pid !== leader.pid);
    onTestFinished(() => {
      for (const { pid } of hidden) process.kill(pid, "SIGKILL");
    });
    expect(hidden).toHaveLength(1);
    child.stdin.end();
    await exit;
    expect(tree.look().map(({ pid }) => pid)).toEqual(hidden.map(({ pid }) => pid));
    expect(createProcessTree(options).look()).toEqual([]);
  },
);

test.runIf(HAS_PROC)("what is thawed while it is being stopped goes on", async () => {
  const key = `t${process.pid}x-thawed`;
  const child = spawn("sleep", ["1000"], {
    detached: true,
    env: { PATH: process.env.PATH, SLOWWAVE_RUN: key },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const leader = identityOf(child.pid ?? 0);
  const tree = createProcessTree({ leader, key, usesPidNamespace: false, clock: realClock });
  const freezing = tree.freeze([]);
  tree.thaw();
  await freezing;
  expect(readStat(leader.pid)?.state).not.toBe("T");
  await tree.freeze([]);
  expect(readStat(leader.pid)?.state).toBe("T");
});
