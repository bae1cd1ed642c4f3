/**
 * An order as a system of actors, on the durable engine: a payment, a shipment that is a machine of its own, a
 * reminder, and a person's approval that comes as a signal. The process is killed with SIGKILL in the middle of the
 * shipment; the next one goes on. Then the same machine runs in plain XState, for comparison.
 *
 *   node examples/order-actors.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDurableEngine } from "slowwave";
import { openSqliteStore } from "slowwave/sqlite";
import { createActor, fromPromise, setup } from "xstate";

const did = (what: string) => console.log(`  ${what}`);

const shipmentMachine = setup({
  actors: {
    pack: fromPromise(async () => did("packed")),
    label: fromPromise(async () => did("labelled")),
  },
  delays: { carrier: 400 },
}).createMachine({
  id: "shipment",
  initial: "packing",
  states: {
    packing: { invoke: { src: "pack", onDone: "labelling" } },
    labelling: { invoke: { src: "label", onDone: "waiting" } },
    waiting: { after: { carrier: "gone" } },
    gone: { type: "final" },
  },
});

const orderMachine = setup({
  types: { events: {} as { type: "approve" } | { type: "cancel" } },
  actors: { charge: fromPromise(async () => did("charged")), shipment: shipmentMachine },
  actions: { remind: () => did("reminded the person who approves") },
  delays: { reminder: 100 },
}).createMachine({
  id: "order",
  initial: "charging",
  on: { cancel: ".cancelled" },
  states: {
    charging: { invoke: { src: "charge", onDone: "approval" } },
    approval: { after: { reminder: { actions: "remind" } }, on: { approve: "shipping" } },
    shipping: { invoke: { id: "shipment", src: "shipment", onDone: "shipped" } },
    shipped: { type: "final" },
    cancelled: { type: "final" },
  },
});

const [phase, database = ""] = process.argv.slice(2);
if (phase === "until killed") await untilKilled();
else await whole();

async function untilKilled(): Promise<void> {
  const store = await openSqliteStore({ path: database });
  const engine = createDurableEngine({ store, machine: orderMachine });
  await engine.start({ id: "order-7" });
  await engine.waitFor("order-7", ({ actors }) => actors.shipment?.value === "waiting");
  console.log("  (killed)");
  process.kill(process.pid, "SIGKILL");
}

async function whole(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-order-"));
  const path = join(folder, "orders.db");
  console.log("on the durable engine:");
  const first = spawn(process.execPath, [import.meta.filename, "until killed", path], { stdio: "inherit" });
  const died = once(first, "exit");
  const store = await openSqliteStore({ path });
  const engine = createDurableEngine({ store, machine: orderMachine });
  // A person approves, in another process than the order's; the key makes it one approval.
  await until(async () => (await engine.snapshot("order-7"))?.value === "approval");
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const _ of ["once", "again"]) await engine.send("order-7", { type: "approve" }, { key: "approval-1" });
  await died;
  const [order] = await engine.recover();
  const end = await order?.done;
  console.log(`  ${String(end?.value)}`);
  await engine.close();
  await store.close();
  await rm(folder, { recursive: true });

  console.log("the same machine in plain XState:");
  const actor = createActor(orderMachine).start();
  await until(async () => actor.getSnapshot().value === "approval");
  await new Promise((resolve) => setTimeout(resolve, 200));
  actor.send({ type: "approve" });
  await until(async () => actor.getSnapshot().status === "done");
  console.log(`  ${String(actor.getSnapshot().value)}`);
  if (end?.value !== "shipped" || actor.getSnapshot().value !== "shipped") process.exitCode = 1;
}

async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 20));
}
