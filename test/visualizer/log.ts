import type { EventView } from "../../src/server/api.ts";
import type { Step } from "../../visualizer/src/chart/walk.ts";

/** A log in which the machine enters these states, one every 100 ms; ids 1, 2, 3, … */
export function steps(...values: readonly string[]): readonly Step[] {
  return values.map((value, at) => ({
    ...{ id: at + 1, run: "r", sequence: at, atMs: at * 100, value },
    ...{ type: at === 0 ? "xstate.init" : "xstate.done.actor.some", data: {} },
  }));
}

/** A row that somebody observed. */
export function word(id: number, type = "agent.message", data: unknown = { text: `word ${id}` }): EventView {
  return { id, run: "r", sequence: null, atMs: id * 10, type, value: null, data };
}
