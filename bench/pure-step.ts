import { initialTransition, transition } from "xstate";
import { transitionsOf } from "../src/durable/transition.ts";
import { eightEffects } from "./eight-effects.ts";
import { median, printTable } from "./table.ts";

const EVENT = { type: "xstate.done.actor.work", output: 1, actorId: "work" };

/** The machine's part of a step, with nothing durable around it. */
export async function pureStep(): Promise<void> {
  const pure = transitionsOf(eightEffects);
  const ours = pure.initialTransition(undefined).snapshot;
  const [theirs] = initialTransition(eightEffects);
  printTable(
    "the pure step alone",
    ["", "µs a step"],
    [
      ["ours, with one reused scope", microseconds(() => pure.transition(ours, EVENT))],
      ["transition() of xstate", microseconds(() => transition(eightEffects, theirs, EVENT as never))],
      ["persist as JSON", microseconds(() => pure.persist(ours))],
    ],
  );
}

function microseconds(work: () => void): string {
  const N = 5_000;
  const rounds = Array.from({ length: 5 }, () => {
    const began = performance.now();
    for (let n = 0; n < N; n += 1) work();
    return ((performance.now() - began) * 1000) / N;
  });
  return median(rounds).toFixed(1);
}
