import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { expectRecovered, inProcess, killed, memoryOf, sampleHomes, startRun } from "../cli/crash.ts";
import { processesOf } from "../cli/real-process.ts";

const homes = sampleHomes();
afterAll(homes.clear);

/** What a run says on its way; a kill follows one of these after a few milliseconds, whatever the machine's speed. */
const STEPS = [
  "Claim the job",
  "Configure the agent",
  "Load stage-1 outputs",
  "Write rollout summaries",
  "Write raw memories",
  "Start the agent",
  "Agent at work",
  "Check its result",
  "Publish the memory",
  "Settle the job",
];
const DELAYS_MS = [0, 5, 20, 60];
const ROUNDS = STEPS.length * DELAYS_MS.length;

test(`killed at ${ROUNDS} moments, and again while it continues, it always ends whole`, {
  timeout: 1_500_000,
}, async () => {
  const calm = await homes.next();
  expect(await inProcess(calm).slowwave("run")).toMatchObject({ code: 0 });
  const whole = memoryOf(calm);
  let kills = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const home = await homes.next();
    // Twice in a row, not in step with each other, so that pairs of moments differ from round to round.
    for (const at of [round, round * 7 + 3]) {
      const started = startRun(home);
      const watch = countAgents(home, started.ended);
      const moment = started
        .said(STEPS[at % STEPS.length] as string)
        .then(() => wait(DELAYS_MS[Math.floor(at / STEPS.length) % DELAYS_MS.length]));
      if (await killed(started, moment)) kills += 1;
      expect(await watch).toBeLessThanOrEqual(1);
    }
    await expectRecovered(home, whole);
    rmSync(home, { recursive: true, force: true });
  }
  expect(kills).toBeGreaterThan(ROUNDS);
});

test("a database that stays locked is refused with exit 2, and works again afterwards", {
  timeout: 120_000,
}, async () => {
  const home = await homes.next();
  const hold = `const D = require("better-sqlite3"); const db = new D(process.argv[1]); db.exec("begin exclusive"); console.log("held"); process.stdin.on("end", () => db.close()).resume();`;
  const holder = spawn(process.execPath, ["-e", hold, `${home}/slowwave.db`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise((held) => holder.stdout.once("data", held));
  expect(await inProcess(home).json("run")).toMatchObject({
    code: 2,
    value: { error: { code: "store_busy" } },
  });
  holder.stdin.end();
  await new Promise((gone) => holder.once("exit", gone));
  expect((await inProcess(home).slowwave("run")).code).toBe(0);
  rmSync(home, { recursive: true, force: true });
});

/** The most agents of this home that were seen alive at once; the room around one is not another. */
async function countAgents(home: string, ended: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const named = processesOf(`${home}/staging`);
    most = Math.max(most, named.filter((words) => !/^\S*bwrap /.test(words)).length);
    await wait(15);
  }
  return most;
}
