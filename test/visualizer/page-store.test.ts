import { describe, expect, test } from "vitest";
import type { RunAnswer, RunSummary } from "../../src/server/api.ts";
import { createPageStore } from "../../visualizer/src/state/page-store.ts";
import { steps, word } from "./log.ts";

const COUNTS = { active: 0, succeeded: 1, failed: 0, skipped: 0, cancelled: 0 };

function summary(id: string, updatedAtMs = 0): RunSummary {
  return {
    ...{
      id,
      space: "global",
      machine: "phase2",
      session: null,
      state: "active",
      value: "claiming",
      outcome: null,
      status: null,
      line: "",
    },
    ...{ inputs: null, createdAtMs: 0, updatedAtMs, cancelRequestedAtMs: null },
  } as const;
}

function detail(id: string, events: RunAnswer["events"], hasEarlier = false): RunAnswer {
  return {
    ...{ run: summary(id), owner: { id: "o", life: "alive" }, lease: null, job: null, result: null },
    ...{
      snapshot: {},
      actors: [],
      budget: [],
      events,
      hasEarlier,
      machine: { id: "phase2", version: "1", hash: "h" },
    },
    can: { cancel: { ok: true, why: "" }, retry: { ok: false, why: "" } },
  };
}

function store(run: string | null = "r") {
  const { trigger, getSnapshot } = createPageStore(
    { list: "runs", space: "global", run, session: null, at: null, tab: "events" },
    "system",
  );
  return { send: trigger, now: () => getSnapshot().context };
}

describe("runs", () => {
  test("are kept newest first, each as it was told last", () => {
    const { send, now } = store();
    send.runsRead({ answer: { runs: [summary("b", 5), summary("a")], counts: COUNTS } });
    send.runsRead({ answer: { runs: [summary("c"), summary("b", 3)], counts: COUNTS } });
    expect(now().runs.map(({ id, updatedAtMs }) => [id, updatedAtMs])).toEqual([
      ["c", 0],
      ["b", 5],
      ["a", 0],
    ]);
  });

  test("choosing another forgets everything of the one before, choosing it again nothing", () => {
    const { send, now } = store();
    send.detailRead({ detail: detail("r", steps("claiming")), nowMs: 7 });
    send.lookedAt({ at: 1 });
    const before = now();
    send.runChosen({ run: "r" });
    expect(now()).toBe(before);
    send.runChosen({ run: "s" });
    expect(now()).toMatchObject({ run: "s", detail: null, log: [], at: null, snapshots: {}, picked: null });
  });
});

describe("the log of the chosen run", () => {
  test("takes live rows and late pages once each and in order", () => {
    const { send, now } = store();
    send.detailRead({ detail: detail("r", [word(4), word(5)], true), nowMs: 0 });
    send.rowsArrived({ rows: [word(5), word(6), { ...word(7), run: "other" }] });
    send.earlierRead({ run: "r", rows: [word(2), word(3)], hasEarlier: true });
    send.earlierRead({ run: "r", rows: [word(1), word(2)], hasEarlier: false });
    send.earlierRead({ run: "other", rows: [word(0)], hasEarlier: false });
    expect(now().log.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(now().hasEarlier).toBe(false);
  });

  test("reading it again after a reconnect fills the gap and keeps what is known to come before", () => {
    const { send, now } = store();
    send.detailRead({ detail: detail("r", [word(1), word(2)]), nowMs: 0 });
    send.detailRead({ detail: detail("r", [word(2), word(3), word(4)], true), nowMs: 1 });
    expect([now().log.map(({ id }) => id), now().hasEarlier]).toEqual([[1, 2, 3, 4], false]);
  });

  test("an answer about a run that is no longer chosen changes nothing", () => {
    const { send, now } = store();
    const before = now();
    send.detailRead({ detail: detail("other", [word(1)]), nowMs: 0 });
    send.snapshotRead({ run: "other", answer: { sequence: 1, value: "", snapshot: {} } });
    expect(now()).toEqual(before);
  });
});

describe("looking at a moment", () => {
  test("stays there while the run goes on, until it is let go", () => {
    const { send, now } = store();
    send.detailRead({ detail: detail("r", [word(1), word(2)]), nowMs: 0 });
    send.lookedAt({ at: 1 });
    send.rowsArrived({ rows: [word(3)] });
    expect(now().at).toBe(1);
    send.lookedAt({ at: null });
    expect(now().at).toBe(null);
  });

  test("an address of the same run moves the moment, of another run everything", () => {
    const { send, now } = store();
    send.detailRead({ detail: detail("r", [word(1)]), nowMs: 0 });
    const rest = { list: "runs", space: "global", session: null } as const;
    send.placed({ place: { ...rest, run: "r", at: 1, tab: "snapshot" } });
    expect(now()).toMatchObject({ run: "r", at: 1, tab: "snapshot", detail: { run: { id: "r" } } });
    send.placed({ place: { ...rest, run: "s", at: null, tab: "agent" } });
    expect(now()).toMatchObject({ run: "s", at: null, tab: "agent", detail: null });
  });
});

test("another space's sessions replace all of the one before, and an answer that comes late is left out", () => {
  const { send, now } = store();
  const answer = { sessions: [], nextBefore: "5:k", spaces: ["global", "work"], counts: { learned: 1 } };
  send.sessionsRead({ space: "global", answer, runs: [] });
  expect(now()).toMatchObject({ sessions: [], hasOlderSessions: true, sessionSpaces: ["global", "work"] });
  send.spaceChosen({ space: "work" });
  expect(now()).toMatchObject({
    space: "work",
    run: null,
    sessions: null,
    sessionCounts: {},
    hasOlderSessions: false,
  });
  send.sessionsRead({ space: "global", answer, runs: [] });
  expect(now().sessions).toBe(null);
  const rest = { list: "sessions", session: null, run: null, at: null, tab: "events" } as const;
  send.sessionsRead({ space: "work", answer, runs: [] });
  send.placed({ place: { ...rest, space: "global" } });
  expect(now()).toMatchObject({ space: "global", sessions: null });
});

test("filters, tabs and colours change only themselves", () => {
  const { send, now } = store();
  const before = now();
  send.rowsFiltered({ kind: "agent" });
  send.rowsFiltered({ kind: "gate" });
  send.rowsFiltered({ kind: "agent", wanted: "x" });
  send.runsFiltered({ tab: "failed" });
  send.runsFiltered({ wanted: "shop" });
  send.tabChosen({ tab: "coverage" });
  send.scaleToggled();
  send.themeChosen({ theme: "light" });
  send.picked({ id: "claiming" });
  expect(now()).toEqual({
    ...before,
    kinds: ["gate"],
    wantedRows: "x",
    tabOfRuns: "failed",
    wantedRuns: "shop",
    tab: "coverage",
    scale: "true",
    theme: "light",
    picked: "claiming",
  });
});
