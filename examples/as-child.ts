/**
 * Phase 2 as a child of a host's own machine, in ordinary XState: the host collects sessions, then consolidates.
 * Same machine, same services as in the engine; what a plain actor does not give is continuation after a crash.
 *
 *   node examples/as-child.ts
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPhase2Actor } from "slowwave";
import { extractiveAgent } from "slowwave/agents";
import { openMemoryStore } from "slowwave/memory";
import { assign, createActor, fromPromise, setup, toPromise } from "xstate";

const home = await mkdtemp(join(tmpdir(), "slowwave-child-"));
const store = openMemoryStore();
const { logic, close } = await createPhase2Actor({ store, agent: extractiveAgent(), home });

const hostMachine = setup({
  types: { context: {} as { status: string | null } },
  actors: {
    collect: fromPromise(async () => {
      await store.memories.upsert("global", [
        {
          threadId: randomUUID(),
          sourceUpdatedAt: 1_774_212_000,
          rawMemory:
            "Reusable knowledge:\n- The shop's tests need a running database; start it with `make db`.\n",
          rolloutSummary: "# Fixed a flaky test\n\nThe database was not up.",
          cwd: "/home/dev/shop",
        },
      ]);
    }),
    consolidate: logic,
  },
  actions: { remember: assign((_, { status }: { status: string | null }) => ({ status })) },
}).createMachine({
  id: "host",
  context: { status: null },
  initial: "collecting",
  states: {
    collecting: { invoke: { id: "collect", src: "collect", onDone: "consolidating" } },
    consolidating: {
      invoke: {
        id: "consolidate",
        src: "consolidate",
        onDone: {
          target: "resting",
          actions: { type: "remember", params: ({ event }) => ({ status: event.output.status }) },
        },
      },
    },
    resting: { type: "final" },
  },
  output: ({ context }) => context.status,
});

const host = createActor(hostMachine);
host.subscribe((snapshot) => console.log(`  host: ${String(snapshot.value)}`));
host.start();
const status = await toPromise(host);
console.log(`${status}`);

await close();
await store.close();
await rm(home, { recursive: true });
if (status !== "succeeded") process.exitCode = 1;
