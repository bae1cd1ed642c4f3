import { rm } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import type { ClaimOutcome, ClaimRequest, JobRow, JobStore } from "../../src/domain/job.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { asking, jobRow, NOW } from "../../src/testing/store/given.ts";
import { contractFolder } from "./world.ts";

/**
 * Every combination of what a claim looks at, at, before and after each boundary in time, and its one answer.
 * The answers are written down here a second time, from the table of the original's rules and not from our code.
 */
const DIMENSIONS = {
  status: ["pending", "running", "done", "error"],
  lease_until: [null, NOW - 1, NOW, NOW + 1],
  retry_at: [null, NOW - 1, NOW, NOW + 1],
  retry_remaining: [0, 1],
  watermarks: [
    [null, null],
    [0, null],
    [5, null],
    [5, 4],
    [5, 5],
    [5, 6],
  ],
  ended: [
    [null, null],
    [NOW - 60, null],
    [NOW - 59, null],
    [NOW - 59, "failed_agent"],
  ],
  successCooldownSeconds: [0, 60],
  force: [false, true],
  ownership_token: ["token-z", "token-a"],
} as const;

interface Case {
  readonly row: JobRow;
  readonly request: ClaimRequest;
}

const CASES: readonly Case[] = [...combinations()];

describe("every combination of a job row and its claim", () => {
  test("there are as many as the table says", () => {
    expect(CASES.length).toBe(4 * 4 * 4 * 2 * 6 * 4 * 2 * 2 * 2);
  });

  test("in the memory store", async () => {
    const world = createMemoryWorld();
    for (const { row } of CASES) world.jobs.set(row.job_key, row);
    const store = openMemoryStore({ world });
    await expectAnswers(store.jobs);
  });

  test("in the SQLite store", async () => {
    const folder = await contractFolder();
    const path = join(folder, "slowwave.db");
    const store = await openSqliteStore({ path });
    seed(path);
    await expectAnswers(store.jobs);
    await store.close();
    await rm(folder, { recursive: true });
  });
});

/** Collected and compared as lists, so that a failure shows the rows it concerns. */
async function expectAnswers(jobs: JobStore): Promise<void> {
  await expectDue(jobs);
  const outcomes = await Promise.all(CASES.map(({ request }) => jobs.claim(request)));
  const rows = new Map((await jobs.list({ limit: 1_000_000 })).map((row) => [row.job_key, row]));
  const wrong = CASES.filter(({ row, request }, at) => {
    const outcome = expectedOutcome(row, request);
    const after = expectedRow(row, request, outcome);
    return !same(outcomes[at], outcome) || !same(rows.get(row.job_key), after);
  });
  expect({ wrong: wrong.length, first: wrong.slice(0, 2) }).toEqual({ wrong: 0, first: [] });
}

/** What is due is what a claim would be given for that another run holds no token of. */
async function expectDue(jobs: JobStore): Promise<void> {
  for (const successCooldownSeconds of DIMENSIONS.successCooldownSeconds) {
    const { nowMs, retries } = asking();
    const due = await jobs.due({ nowMs, retries, successCooldownSeconds, limit: CASES.length });
    const found = new Set(due.map(({ space }) => space));
    const wrong = CASES.filter(({ row }) => {
      const request = asking({ successCooldownSeconds, token: "another" });
      const expected = expectedOutcome({ ...row, ownership_token: "token-z" }, request);
      return found.has(row.job_key) !== (expected.kind === "claimed");
    });
    expect({ wrong: wrong.length, first: wrong.slice(0, 2) }).toEqual({ wrong: 0, first: [] });
  }
}

function expectedOutcome(row: JobRow, request: ClaimRequest): ClaimOutcome {
  const input = row.input_watermark ?? 0;
  if (row.status === "running" && row.ownership_token === "token-a") {
    return { kind: "claimed", fence: 8, watermark: input };
  }
  if (input <= (row.last_success_watermark ?? 0)) return { kind: "skipped", why: "not-dirty" };
  if (!request.force) {
    if (row.retry_remaining < 1) return { kind: "skipped", why: "exhausted" };
    if (row.retry_at === NOW + 1) return { kind: "skipped", why: "backing-off" };
  }
  if (row.status === "running" && row.lease_until === NOW + 1) return { kind: "skipped", why: "running" };
  const isCool =
    request.successCooldownSeconds === 60 && row.finished_at === NOW - 59 && row.last_error === null;
  if (isCool && !request.force) return { kind: "skipped", why: "cooling-down" };
  return { kind: "claimed", fence: 8, watermark: input };
}

function expectedRow(row: JobRow, request: ClaimRequest, outcome: ClaimOutcome): JobRow {
  if (outcome.kind === "skipped") return row;
  const taken = { ...row, worker_id: "worker-a", lease_until: NOW + 3600, fence: 8 };
  if (row.status === "running" && row.ownership_token === "token-a") return taken;
  return {
    ...taken,
    status: "running",
    ownership_token: "token-a",
    started_at: NOW,
    finished_at: null,
    retry_at: null,
    retry_remaining: request.force ? 3 : row.retry_remaining,
    last_error: null,
  };
}

function* combinations(): Iterable<Case> {
  let number = 0;
  const d = DIMENSIONS;
  for (const status of d.status)
    for (const lease_until of d.lease_until)
      for (const retry_at of d.retry_at)
        for (const retry_remaining of d.retry_remaining)
          for (const [input_watermark, last_success_watermark] of d.watermarks)
            for (const [finished_at, last_error] of d.ended)
              for (const successCooldownSeconds of d.successCooldownSeconds)
                for (const force of d.force)
                  for (const ownership_token of d.ownership_token) {
                    number += 1;
                    const space = `space-${String(number).padStart(6, "0")}`;
                    const times = { lease_until, retry_at, finished_at, started_at: NOW - 99 };
                    const marks = { input_watermark, last_success_watermark, retry_remaining, last_error };
                    const owner = { worker_id: "worker-z", ownership_token, fence: 7 };
                    yield {
                      row: jobRow({ job_key: space, status, ...times, ...marks, ...owner }),
                      request: asking({ space, successCooldownSeconds, force }),
                    };
                  }
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

function sorted(value: unknown): unknown {
  return value === undefined ? null : Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1));
}

function seed(path: string): void {
  const db = new Database(path);
  const columns = Object.keys(jobRow());
  const insert = db.prepare(
    `insert into jobs (${columns.join(", ")}) values (${columns.map((column) => `@${column}`).join(", ")})`,
  );
  db.transaction(() => {
    for (const { row } of CASES) insert.run(row);
  })();
  db.close();
}
