import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { output } from "../../src/testing/store/given.ts";

test("a thousand inputs are read and written with turns for others in between", async () => {
  const store = await openSqliteStore({ path: ":memory:" });
  onTestFinished(() => store.close());
  const text = "what was learned ".repeat(500);
  const outputs = Array.from({ length: 1_000 }, (_, at) =>
    output(`t${at}`, { rawMemory: `${at} ${text}`, rolloutSummary: text }),
  );
  const turnsWhile = async (work: Promise<unknown>) => {
    let isOver = false;
    work.finally(() => {
      isOver = true;
    });
    let turns = 0;
    while (!isOver) {
      await nextTurn();
      turns += 1;
    }
    return turns;
  };
  expect(await turnsWhile(store.memories.recordInputs("run-1", outputs))).toBeGreaterThan(7);
  expect(await turnsWhile(store.memories.inputsOf("run-1"))).toBeGreaterThan(15);
  expect(await store.memories.inputsOf("run-1")).toEqual(outputs);
});
