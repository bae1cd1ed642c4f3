import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { HAS_PROC, identityOf } from "../../src/process/process-record.ts";
import { childrenOf, membersOf } from "../../src/process/tree.ts";

test.runIf(HAS_PROC)(
  "one that left the session and lost its mark is found if it was seen before",
  async () => {
    const child = spawn("sh", ["-c", "sleep 1000 & echo up; wait"], {
      detached: true,
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const pid = child.pid ?? 0;
    onTestFinished(() => void process.kill(-pid, "SIGKILL"));
    await once(child.stdout, "data");
    const signs = { leader: null, mark: "SLOWWAVE_MARK=of-nobody", fresh: true };
    const found = (known: readonly ReturnType<typeof identityOf>[]) =>
      membersOf({ ...signs, known }).map((stat) => stat.pid);
    const [sleeping] = childrenOf(identityOf(pid));
    expect(found([])).toEqual([]);
    expect(found([identityOf(pid)]).sort()).toEqual([pid, sleeping?.pid].sort());
    // The number alone is no proof: it may have been used again.
    const stranger = { ...identityOf(pid), startTime: "1" };
    expect([found([stranger]), childrenOf(stranger)]).toEqual([[], []]);
  },
);
