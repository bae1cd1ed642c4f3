import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AnyStateMachine, createActor, createMachine, fromCallback, fromPromise, setup } from "xstate";
import { statelySource } from "../../src/machines/formats.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { extracted, linesOf } from "./extracted.ts";
import { runtimeLines } from "./runtime.ts";

// The extractor complains aloud of every function it leaves out.
beforeEach(() => {
  for (const how of ["error", "warn", "log"] as const) vi.spyOn(console, how).mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

/** The machine that the source text makes, as a host that pastes it would have it. */
function run(source: string): AnyStateMachine {
  const body = source.replace(/^import .*\n/, "").replace(/export const \w+ =/, "return");
  return new Function("fromCallback", "fromPromise", "setup", body)(fromCallback, fromPromise, setup);
}

describe("Stately's extractor", () => {
  test("reads from the machine's own file exactly the states and transitions that run", () => {
    const source = readFileSync("src/machines/phase2.ts", "utf8");
    expect(linesOf(extracted(source))).toEqual(runtimeLines(phase2Machine));
  });

  test("reads the same from the source that `slowwave machine --format stately` prints", () => {
    expect(linesOf(extracted(statelySource(phase2Machine)))).toEqual(runtimeLines(phase2Machine));
  });

  test("would notice a transition that is not in the literal", () => {
    const source = readFileSync("src/machines/phase2.ts", "utf8");
    const other = source.replace('"agent.shutdown": {', '"agent.gone_for_good": {');
    expect(linesOf(extracted(other))).not.toEqual(runtimeLines(phase2Machine));
  });
});

describe("the source for Stately", () => {
  test("is a module that makes the same machine, and starts without the world", () => {
    const machine = run(statelySource(phase2Machine));
    expect(runtimeLines(machine)).toEqual(runtimeLines(phase2Machine));
    const actor = createActor(machine).start();
    expect(actor.getSnapshot().value).toBe("claiming");
    actor.send({ type: "xstate.done.actor.claimJob" });
    expect(actor.getSnapshot().value).toEqual({ failing: "closing" });
    actor.stop();
  });

  test("keeps any name and text, and brings none of it to run", () => {
    const odd = createMachine({
      id: "1 odd-machine",
      description: 'quotes " ` \\ */ and\nlines',
      initial: "a b",
      states: {
        "a b": { on: { "*": { target: "ünïcode", guard: () => true } } },
        ünïcode: { type: "final" },
      },
    });
    const source = statelySource(odd);
    expect(source).toContain("export const _1_odd_machineMachine =");
    const made = run(source);
    expect([made.id, made.root.description, Object.keys(made.states)]).toEqual([
      odd.id,
      odd.root.description,
      ["a b", "ünïcode"],
    ]);
  });
});
