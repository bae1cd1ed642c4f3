/**
 * Any XState machine, made durable: a parcel that is packed, waits for its carrier and is delivered. The first
 * engine is closed in the middle, as a crash would; the second one goes on, without packing again.
 *
 *   node examples/own-machine.ts
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDurableEngine } from "slowwave";
import { openSqliteStore } from "slowwave/sqlite";
import { assign, fromPromise, setup } from "xstate";

const parcelMachine = setup({
  types: { context: {} as { item: string; label: string | null }, input: {} as { item: string } },
  actors: {
    // Named holes: the engine fills them, so that they are found again after a restart.
    pack: fromPromise<string, { item: string }>(async () => ""),
    deliver: fromPromise<void, { label: string }>(async () => {}),
  },
  actions: { stick: assign((_, { label }: { label: string }) => ({ label })) },
  delays: { carrier: 300 },
}).createMachine({
  id: "parcel",
  context: ({ input }) => ({ item: input.item, label: null }),
  initial: "packing",
  states: {
    packing: {
      invoke: {
        id: "pack",
        src: "pack",
        input: ({ context }) => ({ item: context.item }),
        onDone: {
          target: "waiting",
          actions: { type: "stick", params: ({ event }) => ({ label: event.output }) },
        },
      },
    },
    waiting: { after: { carrier: "delivering" } },
    delivering: {
      invoke: {
        id: "deliver",
        src: "deliver",
        input: ({ context }) => ({ label: context.label ?? "" }),
        onDone: "delivered",
      },
    },
    delivered: { type: "final" },
  },
});

const folder = await mkdtemp(join(tmpdir(), "slowwave-own-"));
const store = await openSqliteStore({ path: join(folder, "parcels.db") });
let packed = 0;
const actors = {
  pack: fromPromise<string, { item: string }>(async ({ input }) => {
    packed += 1;
    console.log(`  packing ${input.item}`);
    return `label of ${input.item}`;
  }),
  deliver: fromPromise<void, { label: string }>(async ({ input }) =>
    console.log(`  delivering "${input.label}"`),
  ),
};

const first = createDurableEngine({ store, machine: parcelMachine, actors });
const run = await first.start({ input: { item: "a lamp" } });
const waiting = new Promise<void>((resolve) => {
  const look = first.committed$.subscribe(({ value }) => {
    if (value !== "waiting") return;
    look.unsubscribe();
    resolve();
  });
});
await waiting;
await first.close({ runs: "leave" });
console.log("  (the process is gone; the carrier's time is stored)");

const second = createDurableEngine({ store, machine: parcelMachine, actors });
const [resumed] = await second.recover({ run: run.id });
const final = await resumed?.done;
console.log(`${String(final?.value)}, packed ${packed} time`);

await second.close();
await store.close();
await rm(folder, { recursive: true });
if (final?.value !== "delivered" || packed !== 1) process.exitCode = 1;
