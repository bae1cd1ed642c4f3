import { statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../src/domain/ports.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import type { OpenWorld, World } from "../../src/testing/store/given.ts";

/** Every kind of store the contract holds for, by the name its tests carry. */
export const WORLDS: readonly (readonly [string, OpenWorld])[] = [
  ["memory", async () => alone(openMemoryStore())],
  ["two memory stores on one world", twoInMemory],
  ["sqlite in memory", async () => alone(await openSqliteStore({ path: ":memory:" }))],
  ["sqlite on a file", async () => onFile(1)],
  ["two sqlite stores on one file", async () => onFile(2)],
];

function alone(store: Store): World {
  return { a: store, b: store, close: () => store.close() };
}

async function twoInMemory(): Promise<World> {
  const world = createMemoryWorld();
  const [a, b] = [openMemoryStore({ world }), openMemoryStore({ world })];
  return { a, b, close: async () => void (await Promise.all([a.close(), b.close()])) };
}

/** In RAM where that is possible: the contract is about answers, and a synced disk makes it three times as slow. */
export function contractFolder(): Promise<string> {
  const shared = statSync("/dev/shm", { throwIfNoEntry: false });
  return mkdtemp(join(shared?.isDirectory() ? "/dev/shm" : tmpdir(), "slowwave-store-"));
}

async function onFile(doors: 1 | 2): Promise<World> {
  const folder = await contractFolder();
  const path = join(folder, "slowwave.db");
  const a = await openSqliteStore({ path });
  const b = doors === 2 ? await openSqliteStore({ path }) : a;
  return {
    a,
    b,
    close: async () => {
      await Promise.all([a.close(), b === a ? null : b.close()]);
      await rm(folder, { recursive: true });
    },
  };
}
