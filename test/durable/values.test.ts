import { expect, test } from "vitest";
import { assign, setup } from "xstate";
import type { Codec } from "../../src/durable/plain-event.ts";
import { durableWorld } from "./world.ts";

const keeping = setup({ types: { context: {} as { seen: unknown } } }).createMachine({
  id: "keeping",
  context: { seen: null },
  on: { keep: { actions: assign({ seen: ({ event }) => (event as unknown as { what: unknown }).what }) } },
});

test.each([
  ["a date", new Date(0), "what is a Date"],
  ["a map", { at: [new Map()] }, "what.at[0] is a Map"],
  ["a set", new Set(), "what is a Set"],
  ["a big integer", 10n, "what is a bigint"],
  ["no number", { ratio: Number.NaN }, "what.ratio is NaN"],
  ["an instance of a class", new (class Money {})(), "what is a Money"],
])("%s in an event is refused where it is sent, with its path", async (_, what, why) => {
  const { open, shared } = durableWorld(keeping);
  const run = await open().start({ id: "r" });
  const before = shared.runs.get("r");
  expect(() => run.send({ type: "keep", what } as never)).toThrow(
    expect.objectContaining({ code: "not_json", message: expect.stringContaining(why) }),
  );
  expect(shared.runs.get("r")).toBe(before);
});

test("such a value in a context ends the run in error at the commit that brings it in, where it was", async () => {
  const machine = setup({ types: { context: {} as { since: unknown } } }).createMachine({
    id: "m",
    context: { since: null },
    on: { go: { actions: assign({ since: () => new Date(0) }) } },
  });
  const { open, shared } = durableWorld(machine);
  const run = await open().start({ id: "r" });
  await expect(run.send({ type: "go" } as never)).rejects.toMatchObject({ code: "not_json" });
  await expect(run.done).rejects.toMatchObject({
    code: "not_json",
    message: expect.stringContaining("context.since is a Date"),
  });
  expect(JSON.parse(shared.runs.get("r")?.snapshot ?? "").context).toEqual({ since: null });
});

test("a machine that begins with such a value is refused before anything is written", async () => {
  const machine = setup({}).createMachine({ id: "m", context: { at: new Date(0) } });
  const { open, shared } = durableWorld(machine);
  await expect(open().start({ id: "r" })).rejects.toMatchObject({
    code: "not_json",
    message: expect.stringContaining("context.at is a Date"),
  });
  expect(shared.runs.size).toBe(0);
});

test("a codec keeps what JSON cannot, across a crash", async () => {
  const codec: Codec = {
    stringify: (value) =>
      JSON.stringify(value, (key, part) => (key === "what" || key === "seen" ? dated(part) : part)),
    parse: (text) => JSON.parse(text, (_, part) => (isDated(part) ? new Date(part.ms) : part)),
  };
  const world = durableWorld(keeping);
  const first = world.open({ codec });
  const run = await first.start({ id: "r" });
  await run.send({ type: "keep", what: new Date(7) } as never);
  await first.close({ runs: "leave" });
  const second = world.open({ codec });
  const [again] = await second.recover();
  expect(again?.snapshot().context.seen).toEqual(new Date(7));
  expect((await second.snapshot("r"))?.context).toEqual({ seen: new Date(7) });
});

function dated(part: unknown): unknown {
  return typeof part === "string" && !Number.isNaN(Date.parse(part))
    ? { dated: true, ms: Date.parse(part) }
    : part;
}

function isDated(part: unknown): part is { ms: number } {
  return typeof part === "object" && part !== null && "dated" in part;
}
