import { expect, test } from "vitest";
import { overlapsOf, peaks, secondsToNextAgent, takeoversOfTheLiving } from "./invariants.ts";
import { agentSpans, type Entry } from "./journal.ts";

const begun = (atMs: number, worker: string, space = "t/a", run = "r") =>
  ({ atMs, worker, type: "agent.begun", space, run }) as const;
const ended = (atMs: number, worker: string, space = "t/a", run = "r") =>
  ({ atMs, worker, type: "agent.ended", space, run }) as const;
const happening = (atMs: number, worker: string, type: "killed" | "frozen" | "thawed" | "cut") =>
  ({ atMs, worker, type }) as const;
const started = (atMs: number, worker: string, adopted: boolean) =>
  ({ atMs, worker, type: "run.started", space: "t/a", run: "r", adopted }) as const;

function workersOfOverlaps(journal: readonly Entry[]): readonly string[] {
  return overlapsOf(agentSpans(journal)).map(([a, b]) => `${a.worker} ${b.worker}`);
}

test("two agents of one space at once are seen, also when the first never ended", () => {
  expect(workersOfOverlaps([begun(1, "a"), begun(2, "b"), ended(3, "a"), ended(4, "b")])).toEqual(["a b"]);
  expect(workersOfOverlaps([begun(1, "a"), begun(9, "b"), ended(10, "b")])).toEqual(["a b"]);
  expect(workersOfOverlaps([begun(1, "a"), ended(2, "a"), begun(2, "b"), ended(3, "b")])).toEqual([]);
  expect(
    workersOfOverlaps([begun(1, "a"), begun(2, "b", "t/b"), ended(3, "a"), ended(4, "b", "t/b")]),
  ).toEqual([]);
});

test("the agents of a killed machine end with it, and those of a frozen one work again when it wakes", () => {
  expect(
    workersOfOverlaps([begun(1, "a"), happening(2, "a", "killed"), begun(3, "b"), ended(4, "b")]),
  ).toEqual([]);
  const frozen = [begun(1, "a"), happening(2, "a", "frozen"), begun(3, "b")];
  expect(workersOfOverlaps([...frozen, ended(4, "b"), happening(5, "a", "thawed"), ended(6, "a")])).toEqual(
    [],
  );
  expect(workersOfOverlaps([...frozen, happening(4, "a", "thawed"), ended(5, "a"), ended(6, "b")])).toEqual([
    "b a",
  ]);
});

test("a run that is taken from a worker that lives is seen; from one that was killed, or by itself, it is none", () => {
  const two = [started(1, "a", false), started(3, "b", true)];
  expect(takeoversOfTheLiving(two)).toEqual(["t/a r: a → b"]);
  expect(takeoversOfTheLiving([started(1, "a", false), started(2, "a", true)])).toEqual([]);
  expect(
    takeoversOfTheLiving([started(1, "a", false), happening(2, "a", "killed"), started(3, "b", true)]),
  ).toEqual([]);
});

test("the most agents at once are counted, of all and of one tenant", () => {
  const journal = [begun(1, "a", "t/a"), begun(2, "a", "u/a", "q"), ended(3, "a"), begun(3, "b", "u/b", "s")];
  expect(peaks(agentSpans(journal))).toEqual({ fleet: 2, tenant: 2 });
});

test("how long a killed machine's spaces waited for their next agent", () => {
  const kill = [begun(1_000, "a"), happening(2_000, "a", "killed")];
  expect(secondsToNextAgent([...kill, begun(3_500, "b"), ended(4_000, "b")])).toEqual([1.5]);
  expect(secondsToNextAgent(kill)).toEqual([Number.POSITIVE_INFINITY]);
});
