import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fileDiff } from "../../visualizer/src/artifacts/hunks.ts";
import { visitsOf } from "../../visualizer/src/chart/walk.ts";
import { heatOf, heatOfEdge } from "../../visualizer/src/coverage/heat.ts";
import { filterRows, gistOf, speakerOf, titleOf } from "../../visualizer/src/events/kinds.ts";
import { leaseState } from "../../visualizer/src/header/lease.ts";
import { filterRuns } from "../../visualizer/src/runs/filter.ts";
import { changesOf } from "../../visualizer/src/snapshot/changes.ts";
import { duration } from "../../visualizer/src/text/duration.ts";
import { lanesOf, ticksOf } from "../../visualizer/src/timeline/lanes.ts";
import { scaleOf } from "../../visualizer/src/timeline/scale.ts";
import { steps, word } from "./log.ts";

describe("the timeline", () => {
  const visits = [
    { state: "claiming", fromMs: 0, toMs: 3, row: 1 },
    { state: "supervising", fromMs: 3, toMs: null, row: 2 },
  ];

  test("leaves 3 ms visible beside six minutes, and in true scale does not", () => {
    const floor = scaleOf(visits, 360_000, "floor");
    const plain = scaleOf(visits, 360_000, "true");
    expect(floor(3) - floor(0)).toBeGreaterThan(0.03);
    expect(plain(3) - plain(0)).toBeLessThan(0.0001);
    expect([floor(0), floor(360_000), plain(0), plain(360_000)]).toEqual([0, 1, 0, 1]);
  });

  test("never goes back and never leaves the frame, for any stays", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 40 }),
        fc.constantFrom("floor" as const, "true" as const),
        (lengths, kind) => {
          let at = 1_000;
          const stays = lengths.map((ms, row) => {
            const visit = { state: `s${row}`, fromMs: at, toMs: at + ms, row };
            at += ms;
            return visit;
          });
          const scale = scaleOf(stays, at, kind);
          const places = [...stays.map(({ fromMs }) => fromMs), at].map(scale);
          expect(places).toEqual(places.toSorted((a, b) => a - b));
          expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
          expect(Math.max(...places)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test("has one lane for each outermost state, and a further bar when it comes back", () => {
    const log = steps(
      "syncing.summaries",
      "syncing.rawMemories",
      "spawning",
      "syncing.summaries",
      "spawning",
    );
    const lanes = lanesOf(visitsOf(log, false));
    expect(lanes.map(({ name, bars }) => [name, bars.map(({ row, parts }) => [row, parts.length])])).toEqual([
      [
        "syncing",
        [
          [1, 2],
          [4, 1],
        ],
      ],
      [
        "spawning",
        [
          [3, 1],
          [5, 1],
        ],
      ],
    ]);
  });

  test("draws fifty thousand words as a few hundred ticks", () => {
    const rows = Array.from({ length: 50_000 }, (_, at) => word(at + 1));
    const ticks = ticksOf(rows, (atMs) => atMs / 500_000);
    expect(ticks.length).toBeLessThanOrEqual(401);
    expect(ticks.reduce((sum, { count }) => sum + count, 0)).toBe(50_000);
  });
});

describe("the lease", () => {
  const lease = { leaseUntilMs: 3_600_000, lastBeatAtMs: 0, leaseSeconds: 3_600, heartbeatSeconds: 90 };

  test("is held, then late once a beat is missed, then lost", () => {
    expect([10_000, 98_000, 100_000, 3_600_000].map((nowMs) => leaseState(lease, nowMs).tone)).toEqual([
      "held",
      "held",
      "late",
      "lost",
    ]);
    expect(leaseState(lease, 1_800_000)).toEqual({
      tone: "late",
      leftMs: 1_800_000,
      part: 0.5,
      sinceBeatMs: 1_800_000,
    });
  });

  test("is not late before its first beat", () => {
    expect(leaseState({ ...lease, lastBeatAtMs: null }, 200_000).tone).toBe("held");
  });
});

describe("events", () => {
  test("are titled by what happened and by whom", () => {
    const rows = [
      "xstate.done.actor.claimJob",
      "xstate.error.actor.spawnAgent",
      "agent.completed",
      "lease.lost",
      "cancel",
    ];
    expect(rows.map((type) => [titleOf({ type }), speakerOf({ type, sequence: 1 })])).toEqual([
      ["claimJob done", "claimJob"],
      ["spawnAgent failed", "spawnAgent"],
      ["agent.completed", "agent"],
      ["lease.lost", "keepLease"],
      ["cancel", "you"],
    ]);
  });

  test("are summed up in a line, errors by their code and message", () => {
    const gist = (data: unknown) => gistOf({ type: "x", value: null, data });
    expect(gist({ output: { kind: "claimed", watermark: 20 } })).toBe("kind claimed · watermark 20");
    expect(gist({ error: { code: "failed_claim", message: "busy" } })).toBe("failed_claim: busy");
    expect(gist({ usage: { turns: 1, costUsd: null } })).toBe("turns 1");
    expect(gist({ name: "read", text: "a file" })).toBe("read: a file");
    expect([gist(null), gist("odd")].map((text) => typeof text)).toEqual(["string", "string"]);
  });

  test("are found by every word, in the payload too", () => {
    const log = [...steps("claiming"), word(2), word(3, "lease.renewed", { leaseSeconds: 60 })];
    expect(filterRows(log, [], "WORD 2").map(({ id }) => id)).toEqual([2]);
    expect(filterRows(log, ["lease", "machine"], "").map(({ id }) => id)).toEqual([1, 3]);
    expect(filterRows(log, [], "")).toBe(log);
  });
});

test("runs are found by tab and by every word of id, space, status and reason", () => {
  const run = (id: string, outcome: "failed" | "succeeded" | null, line: string) => ({
    ...{
      id,
      space: "global",
      machine: "phase2",
      session: null as string | null,
      state: outcome === null ? ("active" as const) : ("done" as const),
      value: "",
      outcome,
    },
    ...{ status: null, line, inputs: null, createdAtMs: 0, updatedAtMs: 0, cancelRequestedAtMs: null },
  });
  const runs = [
    run("a", "failed", "the lease was lost"),
    run("b", "succeeded", "42 memories"),
    run("c", null, ""),
    // What learned a session is listed with the sessions.
    { ...run("d", "failed", "the lease was lost"), machine: "phase1", session: "claude-1" },
  ];
  const ids = (...[tab, wanted]: [Parameters<typeof filterRuns>[1], string]) =>
    filterRuns(runs, tab, wanted).map(({ id }) => id);
  expect([
    ids("all", ""),
    ids("failed", ""),
    ids("active", ""),
    ids("all", "LEASE lost"),
    ids("succeeded", "lease"),
  ]).toEqual([["a", "b", "c"], ["a"], ["c"], ["a"], []]);
});

test("a snapshot's changes are its leaves, by path", () => {
  const before = { value: "claiming", context: { inputs: null, agent: null, list: [1, 2] } };
  const after = { value: "loading", context: { inputs: 3, agent: { id: "a" }, list: [1], more: true } };
  expect(changesOf(before, after)).toEqual([
    { path: "value", before: "claiming", after: "loading" },
    { path: "context.inputs", before: null, after: 3 },
    { path: "context.agent", before: null, after: { id: "a" } },
    { path: "context.list.1", before: 2, after: undefined },
    { path: "context.more", before: undefined, after: true },
  ]);
});

test("a line of the chart is untested as soon as one of its transitions is", () => {
  const of = (id: string, paths: readonly number[]) => ({ id, source: "", event: "", target: "", paths });
  const heat = heatOf({
    machine: "m",
    hash: "h",
    transitions: [of("a", [0, 1, 2]), of("b", [])],
    paths: ["x", "y", "z"],
  });
  const edge = { id: "e", tone: "plain" as const, points: [], label: null };
  expect(heatOfEdge({ ...edge, transitions: ["a"] }, heat)).toEqual({ paths: 3, warmth: 1, untested: 0 });
  expect(heatOfEdge({ ...edge, transitions: ["a", "b", "unknown"] }, heat)).toMatchObject({ untested: 2 });
});

describe("a diff", () => {
  const shown = (before: string | null, after: string | null) =>
    fileDiff(before, after).rows.map(
      ({ kind, text }) => `${{ same: " ", added: "+", deleted: "-", gap: "@" }[kind]}${text}`,
    );

  test("shows three lines around each change and says what it leaves out", () => {
    const lines = Array.from({ length: 20 }, (_, at) => `line ${at + 1}`);
    const after = lines.with(9, "changed");
    expect(shown(`${lines.join("\n")}\n`, `${after.join("\n")}\n`)).toEqual([
      "@line 7",
      " line 7",
      " line 8",
      " line 9",
      "-line 10",
      "+changed",
      " line 11",
      " line 12",
      " line 13",
    ]);
  });

  test("of a new file is all additions, of one that is gone all deletions", () => {
    expect(shown(null, "a\nb\n")).toEqual(["+a", "+b"]);
    expect(shown("a\nb\n", null)).toEqual(["-a", "-b"]);
  });

  test("numbers the lines on both sides", () => {
    expect(fileDiff("a\nb\n", "b\nc\n").rows.map(({ before, after }) => [before, after])).toEqual([
      [1, null],
      [2, 1],
      [null, 2],
    ]);
  });

  test("of two texts that share nothing is over in a moment", () => {
    const text = (seed: string) =>
      Array.from({ length: 20_000 }, (_, at) => `${seed} ${(at * 7_919) % 20_011}`).join("\n");
    const began = performance.now();
    const { rows } = fileDiff(text("a"), text("b"));
    expect(rows.length).toBe(40_000);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

test("durations are told as people say them", () => {
  expect([0, 0.4, 3, 999, 1_200, 59_999, 61_000, 3_600_000, 200_000_000].map(duration)).toEqual([
    "0ms",
    "0.4ms",
    "3ms",
    "999ms",
    "1.2s",
    "59s",
    "1m 01s",
    "1h 00m",
    "2d 7h",
  ]);
});
