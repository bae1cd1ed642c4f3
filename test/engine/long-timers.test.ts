import { expect, test } from "vitest";
import type { Clock } from "../../src/domain/clock.ts";
import { clockOf } from "../../src/durable/system.ts";
import { manualClock } from "../agents/manual-clock.ts";
import { realClock } from "../agents/real-clock.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** As Node does it: a timer that holds too much fires at once. */
function likeNode(clock: Clock): Clock {
  return { ...clock, setTimeout: (fn, ms) => clock.setTimeout(fn, ms > 2 ** 31 - 1 ? 1 : ms) };
}

test("a timer of months fires when it is due and not before, on a clock whose timers hold 24 days", async () => {
  const manual = manualClock();
  const clock = clockOf(likeNode(manual));
  const fired: string[] = [];
  clock.setTimeout(() => fired.push("60 days"), 60 * DAY_MS);
  const cleared = clock.setTimeout(() => fired.push("never"), 40 * DAY_MS);
  clock.setTimeout(() => fired.push("1 day"), DAY_MS);
  await manual.advance(30 * DAY_MS);
  clock.clearTimeout(cleared);
  await manual.advance(29.9 * DAY_MS);
  expect(fired).toEqual(["1 day"]);
  await manual.advance(0.1 * DAY_MS);
  expect(fired).toEqual(["1 day", "60 days"]);
  expect(manual.pending()).toBe(0);
});

test("limits of four weeks and more neither end a run at once nor keep its process busy", async () => {
  let timers = 0;
  const counting = likeNode({
    ...realClock,
    setTimeout: (fn, ms) => {
      timers += 1;
      return realClock.setTimeout(fn, ms);
    },
  });
  const { engine, store } = (await phase2World()).open(diligent, { clock: counting });
  await store.memories.upsert("global", [session(1)]);
  const run = await engine.start({ maxRunMinutes: 40_000, maxSilenceMinutes: 40_000 });
  expect((await run.result).status).toBe("succeeded");
  expect(timers).toBeLessThan(100);
});
