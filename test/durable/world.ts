import type { AnyStateMachine } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import type { DurableOptions } from "../../src/durable/options.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { manualClock } from "../agents/manual-clock.ts";

/** Engines of several processes on one memory store, with a clock that the test moves. */
export function durableWorld(machine: AnyStateMachine, actors?: DurableOptions["actors"]) {
  const shared = createMemoryWorld();
  const clock = manualClock();
  const store = () => openMemoryStore({ world: shared });
  const open = (options: Partial<DurableOptions> = {}) =>
    createDurableEngine({
      store: store(),
      machine,
      ...(actors && { actors }),
      clock,
      ...options,
    } as DurableOptions);
  return { shared, clock, store, open };
}
