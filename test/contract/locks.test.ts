import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LocalStore } from "../../src/domain/ports.ts";
import { localStore } from "../../src/engine/local-store.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { createLocalLocks } from "../../src/process/local-locks.ts";
import { locksContract } from "../../src/testing/store/locks.ts";
import { WORLDS } from "./world.ts";

for (const [name, open] of WORLDS) {
  const openLocal = async () => {
    const { a, b, close } = await open();
    return { a: a as LocalStore, b: b as LocalStore, close };
  };

  locksContract(name, async () => {
    const { a, b, close } = await openLocal();
    return { a: a.locks, b: b.locks, close };
  });

  test(`a lock and an owner of the same name have nothing to do with each other (${name})`, async () => {
    const { a, b, close } = await openLocal();
    await a.liveness.register("same");
    expect(await b.locks.lock("same")).not.toBeNull();
    await close();
  });

  test(`closing a store frees its locks (${name})`, async () => {
    const { a, b, close } = await openLocal();
    await a.locks.lock("root");
    await a.close();
    if (b !== a) expect(await b.locks.lock("root")).not.toBeNull();
    await close();
  });
}

const folderOfLocks = () => mkdtemp(join(tmpdir(), "slowwave-locks-"));

locksContract("files of a home", async () => {
  const folder = await folderOfLocks();
  const close = () => rm(folder, { recursive: true });
  return { a: createLocalLocks(folder), b: createLocalLocks(folder), close };
});

test("a store without locks of its own gets those of the home, and stays what it is", async () => {
  const home = await folderOfLocks();
  const { locks: _, ...networked } = openMemoryStore();
  const store = localStore(networked, home);
  const held = await store.locks.lock("root:global");
  expect(held).not.toBeNull();
  expect(await createLocalLocks(join(home, "owners", "locks")).lock("root:global")).toBeNull();
  await store.jobs.enqueue("global", 7);
  expect((await networked.jobs.read("global"))?.input_watermark).toBe(7);
  await held?.unlock();
  await store.close();
  await expect(networked.jobs.read("global")).rejects.toMatchObject({ code: "store_closed" });
  expect(await readdir(home)).toEqual(["owners"]);
  await rm(home, { recursive: true });
});

test("a lock's file goes with it, also when many want it at once; what a killed process left is taken over", async () => {
  const folder = await folderOfLocks();
  const [a, b] = [createLocalLocks(folder), createLocalLocks(folder)];
  let holders = 0;
  const rounds = Array.from({ length: 40 }, async (_, at) => {
    const held = await (at % 2 === 0 ? a : b).lock("one");
    if (held === null) return false;
    holders += 1;
    expect(holders).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    holders -= 1;
    await held.unlock();
    return true;
  });
  expect((await Promise.all(rounds)).filter(Boolean).length).toBeGreaterThan(0);
  await writeFile(join(folder, "left.db"), "");
  await (await a.lock("left"))?.unlock();
  expect(await readdir(folder)).toEqual(["-gate.db"]);
  await rm(folder, { recursive: true });
});

test("locks in a folder that can't be made are refused with what to do", async () => {
  const folder = await folderOfLocks();
  await writeFile(join(folder, "file"), "");
  await expect(createLocalLocks(join(folder, "file")).lock("root")).rejects.toMatchObject({
    code: "home_unavailable",
    message: expect.stringContaining("choose another home"),
  });
  await rm(folder, { recursive: true });
});
