import { describe, expect, test } from "vitest";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

const later = (day: number) => line({ thread_id: `t${day}`, source_updated_at: `2026-09-0${day}T10:00:00Z` });

describe("a day's budget", () => {
  test("is said by status, keeps a run from starting, and is lifted by its name", async () => {
    const folder = temporaryFolder();
    const env = { SLOWWAVE_MAX_RUNS_PER_DAY: "1", SLOWWAVE_MAX_TOKENS_PER_DAY: "5000" };
    const on = (day: number) => commandLine({ stdin: [later(day)], env }, folder);
    await on(1).slowwave("import", "-");
    expect(await on(1).json("status")).toMatchObject({
      value: {
        today: {
          runs: { used: 0, limit: 1, left: 1 },
          tokens: { used: 0, limit: 5000, left: 5000, estimated: false },
          costUsd: { used: 0, limit: null, left: null },
          spent: [],
          freeAt: null,
        },
      },
    });
    expect((await on(1).slowwave("run")).code).toBe(0);
    await on(2).slowwave("import", "-");
    const { code, stdout } = await on(2).slowwave("run", "--now");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^skipped · skipped_retry_unavailable · phase 2 waiting to retry · The budget of this space for 24 hours is used up, 1 of 1 runs \(maxRunsPerDay\); it frees up at [-\d]+ [:\d]+Z, and `slowwave run --max-runs-per-day none` does not wait\.\n$/,
      ),
    ]);
    expect((await on(2).slowwave("run", "--strict")).code).toBe(3);
    const status = await on(2).slowwave("status");
    expect(status.stdout).toMatch(/^last 24 hours +1 of 1 runs, 0 of 5,000 tokens$/m);
    expect(status.stdout).toMatch(/^→ The budget of this space for 24 hours is used up, 1 of 1 runs /m);
    expect(await on(2).json("status")).toMatchObject({
      value: { today: { runs: { left: 0 }, spent: ["maxRunsPerDay"], freeAt: expect.any(String) } },
    });
    expect((await on(2).slowwave("run", "--max-runs-per-day", "none")).code).toBe(0);
  });
});

describe("the budget of a run", () => {
  test("that is reached ends it with exit 5, and the last line names budget, amounts and setting", async () => {
    const { slowwave, json } = commandLine({ stdin: [later(1)] });
    await slowwave("import", "-");
    const { code, stderr } = await slowwave("run", "--max-minutes", "0.00001");
    expect([code, stderr.trimEnd().split("\n").at(-1)]).toEqual([
      5,
      expect.stringMatching(
        /^failed · failed_budget · .*\(cause: the run took longer than 0\.00001 minutes \(maxRunMinutes\)\) · run \w+$/,
      ),
    ]);
    expect(await json("runs", "show", "last")).toMatchObject({
      value: {
        result: {
          status: "failed_budget",
          budget: expect.arrayContaining([
            expect.objectContaining({ name: "minutes", limit: 0.00001, setting: "maxRunMinutes" }),
          ]),
        },
      },
    });
  });

  test("says in `runs show` what was used", async () => {
    const { slowwave, json } = commandLine({ stdin: [later(1)] });
    await slowwave("import", "-");
    expect(await json("run", "--max-tool-calls", "7", "--max-output-bytes", "99999")).toMatchObject({
      value: {
        budget: [
          { name: "minutes", limit: 60 },
          { name: "turns", used: 1, limit: 40, estimated: false, setting: "maxTurns" },
          { name: "toolCalls", used: 0, limit: 7 },
          { name: "tokens", used: 0, limit: null, estimated: false },
          { name: "cost", used: 0, limit: null },
          { name: "outputBytes", used: expect.any(Number), limit: 99_999, unit: "bytes" },
        ],
      },
    });
    const { stdout } = await slowwave("runs", "show", "last", "--transcript");
    expect(stdout).toMatch(/^used +1 of 40 turns, [\d,]+ bytes of output$/m);
  });
});

test("after three failures in a row the space waits, and status says for whom", async () => {
  const folder = temporaryFolder();
  const env = { SLOWWAVE_RETRY_DELAY_SECONDS: "0" };
  const on = (day: number) => commandLine({ stdin: [later(day)], env }, folder);
  await on(1).slowwave("import", "-");
  for (const _ of [1, 2, 3]) expect((await on(1).slowwave("run", "--max-minutes", "0.00001")).code).toBe(5);
  expect(await on(1).json("run")).toMatchObject({ code: 0, value: { status: "skipped_retry_unavailable" } });
  expect(await on(1).json("status")).toMatchObject({
    value: {
      advice:
        "3 runs in a row failed (failed_budget): the space waits for a person, `slowwave run --now`, or for new stage-1 outputs, which fill the retries again.",
    },
  });
  await on(2).slowwave("import", "-");
  expect(await on(2).json("status")).toMatchObject({
    value: { advice: "2 stage-1 outputs wait for consolidation; `slowwave run` does it now." },
  });
  expect((await on(2).slowwave("run")).code).toBe(0);
});
