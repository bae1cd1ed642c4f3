import { expect, test } from "vitest";
import type { LeaseHolder } from "../../src/domain/phase2.ts";
import { recordFailure, recordSuccess, type SettleDeps } from "../../src/services/job.ts";
import { answerOf, handClock } from "../workspace/bench.ts";

const lease = { space: "global", token: "t", fence: 1 };
const holder: LeaseHolder = {
  run: "r",
  space: "global",
  lease: () => lease,
  setLease: () => {},
  recordEvent: () => {},
};
const input = { run: "r", space: "global" };

/** A store whose settling write fails so many times first. */
function settling(faults: number) {
  const calls: string[] = [];
  const write = (name: string) => async () => {
    calls.push(name);
    if (calls.length <= faults) throw new Error(`disk I/O error ${calls.length}`);
    return "applied" as const;
  };
  const jobs: SettleDeps["jobs"] = {
    renew: async () => ({ lost: [] }),
    succeed: write("succeed"),
    fail: write("fail"),
    failUnowned: write("failUnowned"),
    release: write("release"),
  };
  const settings = { retryDelaySeconds: 60, leaseSeconds: 60 };
  return { calls, deps: { jobs, holder, clock: handClock(), settings } };
}

test("a settling write that fails once is given again, so that the job isn't held until the lease ends", async () => {
  const success = settling(1);
  expect(await answerOf(recordSuccess(success.deps), { ...input, watermark: 1 })).toBe("applied");
  expect(success.calls).toEqual(["succeed", "succeed"]);
  const failure = settling(1);
  expect(await answerOf(recordFailure(failure.deps), { ...input, status: "failed_agent" })).toBe("applied");
  expect(failure.calls).toEqual(["fail", "fail"]);
  const release = settling(1);
  expect(await answerOf(recordFailure(release.deps), { ...input, status: "cancelled" })).toBe("applied");
  expect(release.calls).toEqual(["release", "release"]);
});

test("one that fails again tells its last cause, and is not given a third time", async () => {
  const { calls, deps } = settling(9);
  await expect(answerOf(recordFailure(deps), { ...input, status: "failed_agent" })).rejects.toThrow(
    "disk I/O error 2",
  );
  expect(calls).toEqual(["fail", "fail"]);
});
