import { metrics } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import type { RunEvent } from "../../src/domain/event.ts";
import { createObservers } from "../../src/engine/events.ts";

const started = (run: string): RunEvent => ({
  ...{ type: "run.started", run, space: "s", atMs: 1, adopted: false, state: "claiming" },
});
const finished = (run: string) =>
  ({ type: "run.finished", run, space: "s", atMs: 2, result: {} }) as RunEvent;

afterEach(() => metrics.disable());

test("the registry tells of each run what its events told last", () => {
  const { runs, emit } = createObservers();
  emit(started("r1"));
  emit({ type: "state.entered", run: "r1", space: "s", atMs: 5, state: "loading", sequence: 3, event: "e" });
  emit({ type: "progress", run: "r1", space: "s", atMs: 6, text: "busy" });
  expect(runs.get().context).toMatchObject({ finished: [] });
  expect(runs.get().context.runs.toJS()).toEqual({
    r1: {
      id: "r1",
      space: "s",
      adopted: false,
      state: "loading",
      enteredAtMs: 5,
      lastBeatAtMs: null,
      text: "busy",
      result: null,
    },
  });
});

test("it keeps every living run and the hundred that finished last", () => {
  const { runs, emit, forget } = createObservers();
  emit(started("living"));
  emit(started("stillborn"));
  for (let n = 0; n < 103; n += 1) {
    emit(started(`r${n}`));
    emit(finished(`r${n}`));
  }
  forget("stillborn");
  const known = [...runs.get().context.runs.keys()].sort();
  const kept = Array.from({ length: 100 }, (_, n) => `r${n + 3}`);
  expect(known).toEqual(["living", ...kept].sort());
  expect(runs.get().context.finished).toEqual(kept);
});

test("what it does not tell of leaves its context as it is, so that nobody is woken", () => {
  const { runs, emit } = createObservers();
  emit(started("r1"));
  const { context } = runs.get();
  emit({ type: "status.counted", run: "r1", space: "s", atMs: 5, status: "claimed" });
  expect(runs.get().context).toBe(context);
});

test("a subscriber of the registry that throws is seen by the host, and neither the others nor the run are harmed", async () => {
  const { runs, events$, emit } = createObservers();
  const seen: unknown[] = [];
  const heard: string[] = [];
  const thrown = new Promise((resolve) => {
    const others = process.rawListeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      seen.push(error);
      for (const other of others) process.on("uncaughtException", other as NodeJS.UncaughtExceptionListener);
      resolve(undefined);
    });
  });
  runs.subscribe(() => {
    throw new Error("a host's bug");
  });
  events$.subscribe(({ type }) => heard.push(type));
  expect(() => emit(started("r1"))).not.toThrow();
  await thrown;
  expect([seen, heard]).toEqual([[new Error("a host's bug")], ["run.started"]]);
});

test.each([
  ["provider", 0],
  ["counter", 1],
] as const)("telemetry whose %s throws harms no run", (where, counted) => {
  const broken = () => {
    throw new Error("no telemetry");
  };
  const add = vi.fn(broken);
  const meter = { createCounter: () => ({ add }), createHistogram: () => ({ record: add }) };
  metrics.setGlobalMeterProvider({ getMeter: (where === "provider" ? broken : () => meter) as never });
  const { events$, emit } = createObservers();
  const heard: string[] = [];
  events$.subscribe(({ type }) => heard.push(type));
  emit({ type: "status.counted", run: "r1", space: "s", atMs: 5, status: "claimed" });
  expect(heard).toEqual(["status.counted"]);
  expect(add).toHaveBeenCalledTimes(counted);
});
