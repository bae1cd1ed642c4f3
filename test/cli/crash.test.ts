import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRecovered, inProcess, killed, memoryOf, sampleHomes, startRun } from "./crash.ts";
import { processesOf, run } from "./real-process.ts";

let whole: Readonly<Record<string, string>> = {};
const homes = sampleHomes();

beforeAll(async () => {
  const calm = await homes.next();
  expect(await inProcess(calm).slowwave("run")).toMatchObject({ code: 0 });
  whole = memoryOf(calm);
  expect(Object.keys(whole).length).toBe(57);
});

afterAll(homes.clear);

describe("kill -9 of `slowwave run`", () => {
  test("the next run continues it and ends whole; the long tests kill at every step, and twice", async () => {
    const at = await homes.next();
    const started = startRun(at);
    expect(await killed(started, started.said("Agent at work"))).toBe(true);
    await expectRecovered(at, whole);
  });

  test("`recover` continues it too, and `cancel` ends it and frees the job", async () => {
    const [a, b] = [await homes.next(), await homes.next()];
    for (const at of [a, b]) {
      const started = startRun(at);
      expect(await killed(started, started.said("Agent at work"))).toBe(true);
    }
    expect(await inProcess(a).json("status")).toMatchObject({
      value: {
        owner: "dead",
        unfinished: { owner: "dead" },
        advice: expect.stringContaining("was left unfinished by a process that died"),
      },
    });
    expect(await inProcess(a).json("recover")).toMatchObject({
      code: 0,
      value: { recovered: [{ status: "succeeded", inputs: 54 }] },
    });
    expect(memoryOf(a)).toEqual(whole);

    expect(await inProcess(b).json("cancel", "last")).toMatchObject({
      code: 0,
      value: { answer: "cancelled" },
    });
    expect(await inProcess(b).json("status")).toMatchObject({
      value: {
        job: { status: "pending", worker_id: null, lease_until: null, last_error: "cancelled" },
        unfinished: null,
      },
    });
    expect(processesOf(b)).toEqual([]);
  });
});

describe("many at once", () => {
  test("of eight runs exactly one works; seven skip, with exit 0", { timeout: 60_000 }, async () => {
    const at = await homes.next();
    const answers = await Promise.all(Array.from({ length: 8 }, () => run(["run", "--json", "--home", at])));
    const statuses = answers.map(({ stdout }) => (JSON.parse(stdout) as { status: string }).status).sort();
    expect(answers.map(({ code }) => code)).toEqual(Array(8).fill(0));
    expect(statuses.filter((status) => status === "succeeded")).toEqual(["succeeded"]);
    expect(statuses.filter((status) => status.startsWith("skipped_")).length).toBe(7);
    expect(memoryOf(at)).toEqual(whole);
  });

  test("a run is cancelled from another process", async () => {
    const at = await homes.next();
    const started = startRun(at);
    await started.said("Agent at work");
    const { value } = await inProcess(at).json("cancel", "last");
    const ended = await started.ended;
    const { answer: said } = value as { answer: string };
    // The agent may have been faster than the request; both sides must then say so.
    expect([ended.code, said]).toEqual(ended.code === 0 ? [0, "over"] : [1, "cancelled"]);
  });

  test("Ctrl-C in a real process releases the job and exits 130", async () => {
    const at = await homes.next();
    const started = startRun(at);
    await started.said("Start the agent");
    started.process.kill("SIGINT");
    expect(await started.ended).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/Cancelling; the job is released first.*cancelled · cancelled/s),
    });
    expect(processesOf(at)).toEqual([]);
  });
});
