import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMachine } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";

/** Nothing is found by looking from time to time here. */
const NEVER_MS = 2 ** 31 - 1;

const door = createMachine({
  id: "door",
  initial: "shut",
  on: { cancel: ".gone" },
  states: { shut: { on: { open: "open" } }, open: {}, gone: { type: "final" } },
});

let folder: string;
let closing: (() => Promise<void>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slowwave-wake-"));
  closing = [];
});
afterEach(async () => {
  for (const close of closing) await close();
  rmSync(folder, { recursive: true });
});

/** An engine with a connection of its own, as another process has it. */
async function engineOf() {
  const store = await openSqliteStore({ path: join(folder, "runs.db") });
  const engine = createDurableEngine({ store, machine: door, pollMs: NEVER_MS });
  closing.push(async () => {
    await engine.close({ runs: "leave" });
    await store.close();
  });
  return engine;
}

test("a signal of another process wakes the owner of the run, and its receipt the sender", async () => {
  const [owner, other] = [await engineOf(), await engineOf()];
  const run = await owner.start({ id: "front" });
  const receipt = await other.send("front", { type: "open" }, { key: "once", timeoutMs: NEVER_MS });
  expect([receipt, run.snapshot().value]).toEqual([{ outcome: "handled", sequence: 1 }, "open"]);
});

test("a pause, and a cancel request, of another process reach the owner at once", async () => {
  const [owner, other] = [await engineOf(), await engineOf()];
  const run = await owner.start({ id: "front" });
  await other.pause("front");
  const waiting = other.send("front", { type: "open" }, { timeoutMs: NEVER_MS });
  await other.resume("front");
  expect(await waiting).toEqual({ outcome: "handled", sequence: 1 });
  await other.cancel("front");
  expect((await run.done).value).toBe("gone");
});

test("who waits for a state in another process sees it at once", async () => {
  const [owner, other] = [await engineOf(), await engineOf()];
  const run = await owner.start({ id: "front" });
  const seen = other.waitFor("front", ({ value }) => value === "open");
  await run.send({ type: "open" });
  expect((await seen).sequence).toBe(1);
});
