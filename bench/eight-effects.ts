import { assign, fromPromise, setup } from "xstate";

const STEPS = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"] as const;

/** Eight effects one after another, each durable before the next begins: the work every contestant does. */
export const eightEffects = setup({
  types: { context: {} as { done: number } },
  actors: { work: fromPromise<number, { step: number }>(async ({ input }) => input.step) },
  actions: { count: assign((_, { done }: { done: number }) => ({ done })) },
}).createMachine({
  id: "eight",
  context: { done: 0 },
  initial: "s1",
  states: {
    s1: invoke("s2"),
    s2: invoke("s3"),
    s3: invoke("s4"),
    s4: invoke("s5"),
    s5: invoke("s6"),
    s6: invoke("s7"),
    s7: invoke("s8"),
    s8: invoke("ended"),
    ended: { type: "final" },
  },
});

function invoke(target: (typeof STEPS)[number] | "ended") {
  return {
    invoke: {
      id: "work",
      src: "work" as const,
      input: ({ context }: { context: { done: number } }) => ({ step: context.done + 1 }),
      onDone: {
        target,
        actions: {
          type: "count" as const,
          params: ({ event }: { event: { output: number } }) => ({ done: event.output }),
        },
      },
    },
  };
}
