import { expect, test } from "vitest";
import { type AnyActorLogic, createActor, createMachine } from "xstate";
import { keepDeadline, keepLease } from "../../src/services/job.ts";
import { createTestClock } from "../../src/testing/clock.ts";
import { recordedHolder } from "../agents/lease-holder.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** The events that an actor sends to its parent, with the time since it began. */
function eventsOf(clock: { nowMs(): number }, logic: AnyActorLogic, input: unknown): [string, number][] {
  const heard: [string, number][] = [];
  const startMs = clock.nowMs();
  const parent = createMachine({
    invoke: { src: logic, input: () => input },
    on: {
      "*": {
        actions: ({ event: { type } }) => {
          if (!type.startsWith("xstate.")) heard.push([type, clock.nowMs() - startMs]);
        },
      },
    },
  });
  createActor(parent).start();
  return heard;
}

test("a deadline beyond what one timer holds rings when it is there, and not before", async () => {
  const clock = createTestClock();
  const deadlineAtMs = clock.nowMs() + 40_000 * 60_000;
  const heard = eventsOf(clock, keepDeadline({ clock, maxRunMinutes: 40_000 }), { deadlineAtMs });
  await clock.advance(27 * DAY_MS);
  expect(heard).toEqual([]);
  await clock.advance(DAY_MS);
  expect(heard).toEqual([["budget.reached", 40_000 * 60_000]]);
});

test("a deadline that passed while nobody lived rings at once", async () => {
  const clock = createTestClock();
  const heard = eventsOf(clock, keepDeadline({ clock, maxRunMinutes: 60 }), {
    deadlineAtMs: clock.nowMs() - 1,
  });
  await clock.advance(0);
  expect(heard).toEqual([["budget.reached", 0]]);
});

test("a wall clock that jumps neither ends nor prolongs a lease", async () => {
  const clock = createTestClock();
  let isBroken = false;
  const jobs = {
    renew: async () => {
      if (isBroken) throw new Error("busy");
      return { lost: [] };
    },
  };
  const holder = { ...recordedHolder(), lease: () => ({ space: "s", token: "t", fence: 1 }) };
  const settings = { leaseSeconds: 3_600, heartbeatSeconds: 90 };
  const heard = eventsOf(clock, keepLease({ jobs, holder, clock, settings }), { run: "r", space: "s" });
  await clock.advance(0);
  isBroken = true;
  clock.jump(7_200_000);
  await clock.advance(200_000);
  expect(heard).toEqual([]);
  clock.jump(-7_200_000);
  await clock.advance(3_600_000);
  expect(heard.map(([type]) => type)[0]).toBe("lease.uncertain");
});

test("the test clock refuses a timer that Node could not hold", () => {
  expect(() => createTestClock().setTimeout(() => {}, 2 ** 31)).toThrow(RangeError);
});
