import { expect, test } from "vitest";
import { retire } from "../../src/engine/recovery.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { phase2World, session } from "../engine/phase2-world.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
const NOW_MS = 1_774_000_000_000;
const retention = { most: 4, days: 10, floor: 2 };
const clock = (nowMs = NOW_MS) => ({
  nowMs: () => nowMs,
  monotonicMs: () => 0,
  setTimeout: () => null,
  clearTimeout: () => {},
});

/** Generations of these ages in days, oldest first, named by them. */
async function aged(...days: readonly number[]) {
  const store = openMemoryStore();
  for (const [at, age] of days.entries()) {
    const hash = `hash-${age}`;
    await store.generations.commit({
      lease: null,
      generation: {
        id: `${age}`,
        space: "global",
        parent: at === 0 ? null : `${days[at - 1]}`,
        run: null,
        kind: "published",
        createdAtMs: NOW_MS - age * DAY_MS,
      },
      manifest: [{ path: "MEMORY.md", hash, bytes: 1 }],
      blobs: new Map([[hash, Buffer.from("x")]]),
      journal: null,
      nowMs: NOW_MS,
    });
  }
  const left = async () => (await store.generations.list("global", 99)).map(({ id }) => Number(id));
  return { store, left };
}

test("beyond the count the oldest go", async () => {
  const { store, left } = await aged(6, 5, 4, 3, 2, 1);
  expect(await retire({ store, clock: clock() }, { space: "global", bases: [] }, retention)).toEqual([
    "5",
    "6",
  ]);
  expect(await left()).toEqual([1, 2, 3, 4]);
});

test("the too old go, but for the newest ones", async () => {
  const { store, left } = await aged(50, 40, 30, 20);
  await retire({ store, clock: clock() }, { space: "global", bases: [] }, retention);
  expect(await left()).toEqual([20, 30]);
});

test("what an unfinished run started from stays", async () => {
  const { store, left } = await aged(60, 50, 40, 30);
  await retire({ store, clock: clock() }, { space: "global", bases: ["60", null] }, retention);
  expect(await left()).toEqual([30, 40, 60]);
});

test("their blobs go a day after nothing names them any more", async () => {
  const { store } = await aged(50, 40, 30);
  const step = (nowMs: number) =>
    retire({ store, clock: clock(nowMs) }, { space: "global", bases: [] }, retention);
  await step(NOW_MS);
  expect(await store.generations.blob("hash-50")).not.toBeNull();
  await step(NOW_MS + DAY_MS + 1);
  expect(await store.generations.blob("hash-50")).toBeNull();
  expect(await store.generations.blob("hash-40")).not.toBeNull();
});

test("after every success an engine retires what is over", async () => {
  const { open } = await phase2World();
  const { store, engine } = open();
  for (let n = 1; n <= 22; n += 1) {
    await store.memories.upsert("global", [session(n)]);
    await (await engine.start()).result;
  }
  expect(await store.generations.list("global", 99)).toHaveLength(20);
});
