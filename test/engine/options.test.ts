import { expect, test } from "vitest";
import { setup } from "xstate";
import { extractiveAgent } from "../../src/agents/index.ts";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { createPhase2Actor } from "../../src/engine/phase2-actor.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";

const sound = () => ({ store: openMemoryStore(), agent: extractiveAgent(), home: "/nowhere" });
const create = createEngine as (options: unknown) => ReturnType<typeof createEngine>;

test.each([
  ["nothing", undefined, "createEngine: it takes an object with store, agent, home …."],
  ["no store", { ...sound(), store: undefined }, /`store` must be an open store/],
  [
    "a store that is not awaited",
    { ...sound(), store: Promise.resolve(openMemoryStore()) },
    /`store` must be an open/,
  ],
  ["no agent", { ...sound(), agent: undefined }, /`agent` must be an agent/],
  ["a bare function for an agent", { ...sound(), agent: async () => {} }, /`agent` is a function: wrap it/],
  ["no home", { ...sound(), home: "" }, /`home` must be the path/],
  ["a root that is no function", { ...sound(), memoryRoot: "/m" }, /`memoryRoot` must be a function/],
  [
    "a setting with a typing mistake",
    { ...sound(), maxInput: 5 },
    /no option `maxInput`; is `maxInputs` meant\?/,
  ],
  [
    "a clock without its monotonic time",
    { ...sound(), clock: { nowMs: Date.now, setTimeout, clearTimeout } },
    /`clock` has no function `monotonicMs`/,
  ],
  ["an unknown option", { ...sound(), colour: 5 }, "createEngine: there is no option `colour`."],
])("an engine that is given %s is refused with a sentence", (_, options, message) => {
  expect(() => create(options)).toThrow(
    expect.objectContaining({ code: "invalid_settings", message: expect.stringMatching(message) }),
  );
});

test("a durable engine refuses a clock without its monotonic time", () => {
  const options = {
    store: openMemoryStore(),
    machine: setup({}).createMachine({}),
    clock: { nowMs: Date.now },
  };
  expect(() => (createDurableEngine as (options: unknown) => unknown)(options)).toThrow(
    expect.objectContaining({ code: "invalid_settings" }),
  );
});

test("a start and a plain actor refuse what they don't know, and change nothing", async () => {
  const start = createEngine(sound()).start as (request: unknown) => Promise<unknown>;
  const refused = {
    code: "invalid_settings",
    message: expect.stringContaining("`dryrun`; is `dryRun` meant?"),
  };
  await expect(start({ dryrun: true })).rejects.toMatchObject(refused);
  await expect(start({ space: 7 })).rejects.toMatchObject({ code: "invalid_settings" });
  const actor = createPhase2Actor as (options: unknown) => Promise<unknown>;
  await expect(actor({ ...sound(), tell: () => {} })).rejects.toMatchObject({ code: "invalid_settings" });
});
