import { statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../src/domain/ports.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { NOW_MS, type OpenWorld, type World } from "../../src/testing/store/given.ts";

/** Every kind of store the contract holds for, by the name its tests carry. */
export const WORLDS: readonly (readonly [string, OpenWorld])[] = [
  ["memory", () => clocked(async (nowMs) => alone(openMemoryStore({ nowMs })))],
  ["two memory stores on one world", () => clocked(twoInMemory)],
  [
    "sqlite in memory",
    () => clocked(async (nowMs) => alone(await openSqliteStore({ path: ":memory:", nowMs }))),
  ],
  ["sqlite on a file", () => clocked((nowMs) => onFile(1, nowMs))],
  ["two sqlite stores on one file", () => clocked((nowMs) => onFile(2, nowMs))],
];

/** The stores' own clock stands until a test moves it. */
async function clocked(open: (nowMs: () => number) => Promise<World>): Promise<World> {
  let time = NOW_MS;
  const world = await open(() => time);
  const setNowMs = async (nowMs: number) => {
    time = nowMs;
  };
  return { ...world, setNowMs };
}

function alone(store: Store): World {
  return { a: store, b: store, close: () => store.close() };
}

async function twoInMemory(nowMs: () => number): Promise<World> {
  const world = createMemoryWorld();
  const [a, b] = [openMemoryStore({ world, nowMs }), openMemoryStore({ world, nowMs })];
  return { a, b, close: async () => void (await Promise.all([a.close(), b.close()])) };
}

/** In RAM where that is possible: the contract is about answers, and a synced disk makes it three times as slow. */
export function contractFolder(): Promise<string> {
  const shared = statSync("/dev/shm", { throwIfNoEntry: false });
  return mkdtemp(join(shared?.isDirectory() ? "/dev/shm" : tmpdir(), "slowwave-store-"));
}

let emptyDatabase: Promise<Uint8Array> | null = null;

/** The bytes of a database that has its tables and no rows: to write them is a third of what it costs to make the tables. */
async function newDatabase(): Promise<Uint8Array> {
  const folder = await contractFolder();
  try {
    const path = join(folder, "slowwave.db");
    await (await openSqliteStore({ path })).close();
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function onFile(doors: 1 | 2, nowMs: () => number): Promise<World> {
  const folder = await contractFolder();
  const path = join(folder, "slowwave.db");
  emptyDatabase ??= newDatabase();
  await writeFile(path, await emptyDatabase);
  const a = await openSqliteStore({ path, nowMs });
  const b = doors === 2 ? await openSqliteStore({ path, nowMs }) : a;
  return {
    a,
    b,
    close: async () => {
      await Promise.all([a.close(), b === a ? null : b.close()]);
      await rm(folder, { recursive: true });
    },
  };
}
