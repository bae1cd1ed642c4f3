import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReaderReport, ReaderTask } from "../publish/polling-reader.ts";
import { temporaryFolder } from "../workspace/bench.ts";
import { expectNothingTorn, leftBehind } from "./left-behind.ts";
import { type Died, type Moment, type Victims, victims } from "./victim.ts";

const KILLS = Number(process.env.SLOWWAVE_PUBLISH_KILLS ?? 500);
const LANES = 2;
/** Lines of a file; every so often one is large enough to take a while. */
const LINES = 40;
const MANY_LINES = 4_000;

let publishers: Victims;
beforeAll(async () => {
  publishers = await victims("test/long/publisher.ts");
});
afterAll(() => publishers.clear());

test(`${KILLS} kills while publishing: every one leaves each file whole, and the next process the whole memory`, async () => {
  const started = performance.now();
  const lanes = await Promise.all(
    Array.from({ length: LANES }, (_, lane) => killAgainAndAgain(lane, Math.ceil(KILLS / LANES))),
  );
  const kills = lanes.flatMap((lane) => lane.kills);
  const aimed = new Set(lanes.flatMap((lane) => lane.aimed));
  const spread = Map.groupBy(kills, ({ step }) => (aimed.has(step) ? step : "(in the private copy)"));
  const open = kills.filter(({ isOpen }) => isOpen).length;
  const again = kills.filter(({ isRecovering }) => isRecovering).length;
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(
    [
      `${kills.length} kills in ${seconds} s; ${open} left a publish open, ${again} came while another one's was being finished`,
      ...[...spread.entries()].map(([step, at]) => `${String(at.length).padStart(5)}  ${step}`).sort(),
    ].join("\n"),
  );
  expect(kills.length).toBeGreaterThanOrEqual(KILLS);
  // Each step of the journal was hit, several times.
  expect([...aimed].filter((step) => (spread.get(step)?.length ?? 0) < Math.floor(KILLS / 125))).toEqual([]);
  expect(aimed.size).toBeGreaterThan(40);
  expect(open).toBeGreaterThan(KILLS / 5);
  expect(again).toBeGreaterThan(KILLS / 20);
});

interface Kill {
  readonly step: string;
  readonly isOpen: boolean;
  /** The journal of an earlier one was still open. */
  readonly isRecovering: boolean;
}

/** One home. Each process first mends what the one before left, publishes, and dies in the middle of either. */
async function killAgainAndAgain(lane: number, wanted: number) {
  const home = await temporaryFolder();
  const live = (moment: Moment, lines = LINES) => publishers.die(home, [home, "4", `${lines}`], moment);
  const calm = async () => ended(await publishers.die(home, [home, "2", `${LINES}`], null));
  await calm();
  const { steps } = await calm();
  const aimed = [...new Set(steps)].filter((step) => /^\w+ memories|^sql|^remove staging\/\*$/.test(step));
  const half = aimed.filter((step) => /^(?:write memories|remove)/.test(step)).map((step) => `half ${step}`);
  const aims = [...aimed, ...half];
  const reader = await startReader(join(home, "memories"));
  const kills: Kill[] = [];
  for (let round = lane; kills.length < wanted && round < 3 * LANES * wanted; round += LANES) {
    const before = leftBehind(home);
    // Two of three are aimed; strides without a common measure meet every step, also in what others left.
    const moment =
      round % 3 === 2
        ? { steps: 1 + ((round * 37) % steps.length), delayMs: (round * 7) % 5 }
        : { step: aims[(round * 7) % aims.length] ?? "", after: Math.floor(round / aims.length) % 2 };
    const died = await live(moment, round % 25 === 0 ? MANY_LINES : LINES);
    // One that has nothing to do at the step it should die at lives on, and counts for nothing.
    if (!died.killed) {
      ended(died);
      continue;
    }
    const after = leftBehind(home);
    expect(after.number).toBeGreaterThanOrEqual(before.number);
    expectNothingTorn(home, after);
    const isHalf = "step" in moment && moment.step.startsWith("half ");
    const isRecovering = before.journal !== null && before.journal === after.journal;
    const step = `${isHalf ? "half " : ""}${died.steps.at(-1)}`;
    kills.push({ step, isOpen: after.journal !== null, isRecovering });
  }
  ended(await publishers.die(home, [home, "1", `${LINES}`], null));
  const report = await reader.stop();
  expect(report.faults).toEqual([]);
  expect(report.generations).toBeGreaterThan(wanted / 4);
  expect(leftBehind(home).journal).toBeNull();
  return { kills, aimed: aims };
}

function ended(died: Died): Died {
  if (died.code !== 0) throw new Error(died.stderr);
  return died;
}

/** A harness that reads all the while; it stops early when it has seen enough faults. */
async function startReader(root: string): Promise<{ stop(): Promise<ReaderReport> }> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ReaderTask = { root, stop, pauseMs: 2 };
  const reader = new Worker(new URL("../publish/polling-reader.ts", import.meta.url), { workerData });
  await once(reader, "message");
  const reported = once(reader, "message");
  return {
    stop: async () => {
      Atomics.store(stop, 0, 1);
      return ((await reported) as [ReaderReport])[0];
    },
  };
}
