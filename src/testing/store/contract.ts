import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Connection } from "../../domain/connection.ts";
import type { Store } from "../../domain/ports.ts";
import { admissionContract } from "./admissions.ts";
import { actorContract, commitContract } from "./commits.ts";
import { clockContract, dueContract } from "./due.ts";
import { generationContract, purgeContract } from "./generations.ts";
import { commitOf, inStep, NOW_MS, newRun, type OpenWorld, openEach, type World } from "./given.ts";
import { claimContract, settlementContract } from "./jobs.ts";
import { memoryContract } from "./memories.ts";
import { orderContract } from "./order.ts";
import { repetitionContract } from "./repeats.ts";
import { retentionContract, runContract } from "./runs.ts";
import { projectContract, sessionContract } from "./sessions.ts";

const CONTRACTS = {
  life: lifeContract,
  claims: claimContract,
  settlements: settlementContract,
  admissions: admissionContract,
  due: dueContract,
  clock: clockContract,
  commits: commitContract,
  order: orderContract,
  repeats: repetitionContract,
  memories: memoryContract,
  runs: runContract,
  actors: actorContract,
  generations: generationContract,
  purge: purgeContract,
  retention: retentionContract,
  liveness: livenessContract,
  sessions: sessionContract,
  projects: projectContract,
  connections: connectionContract,
} satisfies Record<string, (name: string, open: OpenWorld) => void>;

/** The parts of the contract, in the order in which a new store is best made to pass them. */
export type StoreContractPart = keyof typeof CONTRACTS;

export const CONTRACT_PARTS = Object.keys(CONTRACTS) as readonly StoreContractPart[];

/** What a test opens: a store, or two of them on the same data. */
export type OpenStore = () => Promise<Store | World>;

/**
 * Declares the tests that every store passes, in vitest. Call it at the top of a test file; `open` is called before each
 * test and answers a store that holds nothing, or two (`{ a, b, close }`) that share their data, which proves more.
 * `parts`: these alone, while a store is being written. Default: all.
 *
 * ```ts
 * storeContract("my store", async () => openMyStore(), { parts: ["claims", "settlements"] });
 * ```
 */
export function storeContract(
  name: string,
  open: OpenStore,
  { parts = CONTRACT_PARTS }: { readonly parts?: readonly StoreContractPart[] } = {},
): void {
  const openWorld = async (): Promise<World> => {
    const opened = await open();
    return "a" in opened ? opened : { a: opened, b: opened, close: () => opened.close() };
  };
  const openInStep = async () => inStep(await openWorld());
  for (const part of parts) CONTRACTS[part](name, part === "clock" ? openWorld : openInStep);
}

function lifeContract(name: string, open: OpenWorld): void {
  describe(`store · ${name}`, () => {
    test("closing finishes what was asked for, frees its owners, and refuses what comes after", async () => {
      const world = await open();
      const asked = world.a.runs.create(newRun(), commitOf(0));
      await world.a.liveness.register("owner-a");
      await world.a.close();
      expect(await asked).toBe("ok");
      const closed = { code: "store_closed" };
      await expect(world.a.jobs.enqueue("global", 1)).rejects.toMatchObject(closed);
      await expect(world.a.jobs.read("global")).rejects.toMatchObject(closed);
      await expect(world.a.memories.count("global")).rejects.toMatchObject(closed);
      await expect(world.a.generations.list("global", 1)).rejects.toMatchObject(closed);
      await expect(world.a.runs.requestCancel("run-1", NOW_MS)).rejects.toMatchObject(closed);
      expect(await world.a.liveness.probe("owner-a")).toBe("dead");
      if (world.b !== world.a) {
        expect(await world.b.liveness.probe("owner-a")).toBe("dead");
        expect((await world.b.runs.read("run-1"))?.sequence).toBe(0);
      }
      await world.close();
    });
  });
}

function livenessContract(name: string, open: OpenWorld): void {
  describe(`liveness · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    test("an owner lives from registration to unregistration; asking does not kill it", async () => {
      expect(await b.liveness.probe("owner-a")).toBe("dead");
      const { unregister } = await a.liveness.register("owner-a");
      expect(await a.liveness.probe("owner-a")).toBe("alive");
      expect(await b.liveness.probe("owner-a")).toBe("alive");
      expect(await b.liveness.probe("owner-a")).toBe("alive");
      await unregister();
      expect([await a.liveness.probe("owner-a"), await b.liveness.probe("owner-a")]).toEqual([
        "dead",
        "dead",
      ]);
      await unregister();
    });

    test("an id is registered once", async () => {
      const { unregister } = await a.liveness.register("owner-a");
      await expect(b.liveness.register("owner-a")).rejects.toMatchObject({ code: "store_busy" });
      expect(await b.liveness.probe("owner-a")).toBe("alive");
      await unregister();
    });

    test("ids that differ by case, or are no file names, are told apart", async () => {
      const ids = ["Owner", "owner", "OWNER", "../owner", "a/b", ".", "x".repeat(300), "é\u0000"];
      const registered = [];
      for (const id of ids.slice(0, -1)) registered.push(await a.liveness.register(id));
      const found = await Promise.all(ids.map((id) => b.liveness.probe(id)));
      expect(found).toEqual([...ids.slice(0, -1).map(() => "alive"), "dead"]);
      for (const { unregister } of registered) await unregister();
    });
  });
}

function connection(some: Partial<Connection> = {}): Connection {
  return {
    id: "claude /home/dev/.claude/rules/slowwave.md",
    space: "global",
    agent: "claude",
    how: "file",
    path: "/home/dev/.claude/rules/slowwave.md",
    kind: "file",
    state: "connecting",
    piece: null,
    writtenHash: "a".repeat(64),
    beforeHash: null,
    atMs: NOW_MS,
    ...some,
  };
}

function connectionContract(name: string, open: OpenWorld): void {
  describe(`connections · ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.close());

    test("are listed by agent and path, as they were saved last, and seen by others at once", async () => {
      const block = connection({
        id: "b",
        agent: "codex",
        path: "/z",
        kind: "block",
        piece: "<block>\n\u0007ü",
        beforeHash: "b".repeat(64),
      });
      const second = connection({ id: "c", path: "/home/dev/.claude/skills/x" });
      for (const one of [block, second, connection()]) await world.a.connections.save(one);
      const done = connection({ state: "connected", writtenHash: "c".repeat(64), atMs: NOW_MS + 5 });
      await world.b.connections.save(done);
      expect(await world.a.connections.list()).toEqual([done, second, block]);
    });

    test("go when they are removed, and removing what is not there is fine", async () => {
      await world.a.connections.save(connection());
      await world.b.connections.remove("another");
      await world.b.connections.remove(connection().id);
      expect(await world.a.connections.list()).toEqual([]);
    });
  });
}
