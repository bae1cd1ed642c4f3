import { describe, expect, test } from "vitest";
import { adviceFor, type Situation } from "../../src/cli/commands/status.ts";
import type { JobRow } from "../../src/domain/job.ts";

const NOW = 1_800_000_000;

const dirty: JobRow = {
  kind: "memory_consolidate_global",
  job_key: "global",
  status: "pending",
  worker_id: null,
  ownership_token: null,
  started_at: null,
  finished_at: null,
  lease_until: null,
  retry_at: null,
  retry_remaining: 3,
  last_error: null,
  input_watermark: 200,
  last_success_watermark: 100,
  fence: 1,
};
const clean: JobRow = { ...dirty, status: "done", last_success_watermark: 200, finished_at: NOW - 60 };
const held: JobRow = { ...dirty, status: "running", worker_id: "w", lease_until: NOW + 1800 };
const expired: JobRow = { ...held, lease_until: NOW };
const failed: JobRow = {
  ...dirty,
  status: "error",
  last_error: "failed_agent",
  retry_at: NOW + 720,
  retry_remaining: 2,
};

const usual: Situation = {
  job: dirty,
  outputs: 5,
  backlog: 3,
  unfinished: null,
  parked: null,
  isLeftByControl: false,
  owner: null,
  successCooldownSeconds: 0,
  retryDelaySeconds: 3600,
  retries: 3,
  failures: 0,
  spent: null,
  now: NOW,
};

describe("advice", () => {
  test.each<[string, Partial<Situation>, string]>([
    [
      "nothing was ever kept",
      { job: null, outputs: 0, backlog: 0 },
      "Nothing was learned yet; `slowwave learn --run` learns from the sessions of your agents, `slowwave import FILE` takes stage-1 outputs from JSONL.",
    ],
    [
      "a clock that was years ahead put the retry off",
      { job: { ...failed, retry_at: NOW + 400 * 86_400 } },
      "The last run failed (failed_agent), and the next try would be due only in 400 days, which a delay of 1 hour does not explain: the clock jumped, or the delay was longer then; `slowwave run --now` tries at once.",
    ],
    [
      "the retry is as far off as its delay, and the clocks differ by a minute",
      { job: { ...failed, retry_at: NOW + 3660 } },
      "The last run failed (failed_agent); the next try is due in 1 hour, `slowwave run --now` tries at once.",
    ],
    ["up to date", { job: clean, backlog: 0 }, "Up to date; new stage-1 outputs will make it due."],
    [
      "up to date, long ago failed",
      { job: { ...clean, retry_remaining: 0 } },
      "Up to date; new stage-1 outputs will make it due.",
    ],
    ["new outputs", {}, "3 stage-1 outputs wait for consolidation; `slowwave run` does it now."],
    [
      "one new output",
      { backlog: 1 },
      "1 stage-1 output waits for consolidation; `slowwave run` does it now.",
    ],
    ["dirty without new outputs", { backlog: 0 }, "Consolidation is due; `slowwave run` does it now."],
    [
      "a run of ours at work",
      { job: held, owner: "alive", unfinished: { id: "r1", owner: "alive" } },
      "Run r1 is working on it; wait for it, or stop it with `slowwave cancel r1`.",
    ],
    [
      "a run of ours whose process died",
      { job: held, owner: "dead", unfinished: { id: "r1", owner: "dead" } },
      "Run r1 was left unfinished by a process that died; `slowwave run` (or `slowwave recover`) continues it.",
    ],
    [
      "the same, its lease expired",
      { job: expired, owner: "dead", unfinished: { id: "r1", owner: "dead" } },
      "Run r1 was left unfinished by a process that died; `slowwave run` (or `slowwave recover`) continues it.",
    ],
    [
      "the same, before it claimed",
      { unfinished: { id: "r1", owner: "dead" } },
      "Run r1 was left unfinished by a process that died; `slowwave run` (or `slowwave recover`) continues it.",
    ],
    [
      "a run of ours whose process cannot be seen",
      { job: held, owner: "unknown", unfinished: { id: "r1", owner: "unknown" } },
      "Run r1 may still be at work, its process cannot be seen from here; its lease ends in 30 minutes.",
    ],
    [
      "the same, its lease expired",
      { job: expired, owner: "unknown", unfinished: { id: "r1", owner: "unknown" } },
      "Run r1 is unfinished and its process cannot be seen from here; `slowwave doctor` looks closer.",
    ],
    [
      "another program holds the job",
      { job: held, owner: "unknown" },
      "Another worker holds the job; its lease ends in 30 minutes unless it renews it.",
    ],
    [
      "a parked run holds the job",
      { job: held, owner: "dead", parked: { id: "r1", why: "made by phase2 version 0" } },
      "Run r1 holds the job and can't go on (made by phase2 version 0); `slowwave cancel r1` releases it.",
    ],
    [
      "another program held the job and died",
      { job: held, owner: "dead" },
      "What held the job died, or is another program; its lease ends in 30 minutes, then `slowwave run` takes over.",
    ],
    [
      "an apply or purge held the job and was killed",
      { job: held, owner: "dead", isLeftByControl: true },
      "An apply or purge was killed while it had the space: repeat it to bring it to its end; `slowwave run` and `slowwave recover` go on without it.",
    ],
    [
      "its lease ran out",
      { job: expired, owner: "dead" },
      "The last worker's lease ran out; `slowwave run` takes the job over.",
    ],
    [
      "backing off",
      { job: failed },
      "The last run failed (failed_agent); the next try is due in 12 minutes, `slowwave run --now` tries at once.",
    ],
    [
      "the backoff is over",
      { job: { ...failed, retry_at: NOW } },
      "3 stage-1 outputs wait for consolidation; `slowwave run` does it now.",
    ],
    [
      "retries used up",
      { job: { ...failed, retry_remaining: 0 } },
      "No retry is left (failed_agent): the space waits for a person, `slowwave run --now`, or for new stage-1 outputs, which fill the retries again.",
    ],
    [
      "three failures in a row",
      { job: { ...failed, retry_remaining: 0 }, failures: 3, spent: "The day is over." },
      "3 runs in a row failed (failed_agent): the space waits for a person, `slowwave run --now`, or for new stage-1 outputs, which fill the retries again.",
    ],
    ["the day's budget is used up", { job: failed, spent: "The day is over." }, "The day is over."],
    [
      "the day's budget is used up, and there is nothing to do",
      { job: clean, spent: "The day is over." },
      "Up to date; new stage-1 outputs will make it due.",
    ],
    [
      "cooling down",
      { job: { ...dirty, status: "done", finished_at: NOW - 600 }, successCooldownSeconds: 21_600 },
      "The last success is too recent; due in 6 hours, `slowwave run --now` does not wait.",
    ],
    [
      "the cooldown is over",
      { job: { ...dirty, status: "done", finished_at: NOW - 21_600 }, successCooldownSeconds: 21_600 },
      "3 stage-1 outputs wait for consolidation; `slowwave run` does it now.",
    ],
    [
      "cancelled: no cooldown",
      { job: { ...dirty, last_error: "cancelled", finished_at: NOW - 5 }, successCooldownSeconds: 21_600 },
      "3 stage-1 outputs wait for consolidation; `slowwave run` does it now.",
    ],
  ])("%s", (_, differs, expected) => {
    expect(adviceFor({ ...usual, ...differs })).toBe(expected);
  });

  test("there is a sentence for every combination, and it is one sentence", () => {
    const jobs = [null, dirty, clean, held, expired, failed, { ...failed, retry_remaining: 0 }];
    const owners = [null, "alive", "dead", "unknown"] as const;
    const said = jobs.flatMap((job) =>
      owners.flatMap((owner) =>
        owners.map((runs) =>
          adviceFor({ ...usual, job, owner, unfinished: runs === null ? null : { id: "r1", owner: runs } }),
        ),
      ),
    );
    expect(said.filter((text) => !/^[^.]+\.$/.test(text) || text === "Nothing to do.")).toEqual([]);
  });
});
