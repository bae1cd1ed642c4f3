/**
 * One process of two on one database: `step-thread-kills.child.ts PHASE DATABASE LOG`. `first` begins forty runs on the
 * writing thread and is killed among their steps; `second` takes them up and brings them to their ends.
 */
import { appendFileSync } from "node:fs";
import { assign, fromPromise, setup } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";

const [phase = "", database = "", log = ""] = process.argv.slice(2);
const RUNS = 40;
const STEPS = 30;

const machine = setup({
  types: { context: {} as { run: string; done: number }, input: {} as { run: string } },
  actors: {
    work: fromPromise<number, { run: string; step: number }>(async ({ input: { run, step } }) => {
      appendFileSync(log, `did ${run} ${step}\n`);
      return step;
    }),
  },
}).createMachine({
  id: "steps",
  context: ({ input }) => ({ run: input.run, done: 0 }),
  initial: "working",
  states: {
    working: {
      invoke: {
        src: "work",
        input: ({ context }) => ({ run: context.run, step: context.done + 1 }),
        onDone: [
          {
            guard: ({ event }) => event.output < STEPS,
            target: "working",
            reenter: true,
            actions: assign({ done: ({ event }) => event.output }),
          },
          { target: "over", actions: assign({ done: ({ event }) => event.output }) },
        ],
      },
    },
    over: { type: "final" },
  },
});

const store = await openSqliteStore({ path: database, writer: "thread" });
const engine = createDurableEngine({ store, machine });
engine.committed$.subscribe(({ run, snapshot }) => {
  appendFileSync(log, `told ${run} ${(snapshot.context as { done: number }).done}\n`);
});
const runs =
  phase === "first"
    ? await Promise.all(
        Array.from({ length: RUNS }, (_, n) => engine.start({ id: `r${n}`, input: { run: `r${n}` } })),
      )
    : await engine.recover();
appendFileSync(log, "begun\n");
for (const { id, done } of runs) {
  const { value, context } = await done;
  appendFileSync(log, `ended ${id} ${String(value)} ${(context as { done: number }).done}\n`);
}
await engine.close();
await store.close();
