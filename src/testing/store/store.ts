import { describe, expect, test } from "vitest";
import { commitOf, NOW_MS, newRun } from "./given.ts";
import type { OpenWorld } from "./opened-store.ts";

export function lifeContract(name: string, open: OpenWorld): void {
  describe(`store · ${name}`, () => {
    test("closing finishes what was asked for, frees owners and locks, and refuses what comes after", async () => {
      const world = await open();
      const asked = world.a.runs.create(newRun(), commitOf(0));
      await world.a.owners.register("owner-a");
      await world.a.owners.lock("root");
      await world.a.close();
      expect(await asked).toBe("ok");
      const closed = { code: "store_closed" };
      await expect(world.a.jobs.enqueue("global", 1)).rejects.toMatchObject(closed);
      await expect(world.a.jobs.read("global")).rejects.toMatchObject(closed);
      await expect(world.a.memories.count("global")).rejects.toMatchObject(closed);
      await expect(world.a.generations.list("global", 1)).rejects.toMatchObject(closed);
      await expect(world.a.runs.requestCancel("run-1", NOW_MS)).rejects.toMatchObject(closed);
      expect(await world.a.owners.probe("owner-a")).toBe("dead");
      if (world.b !== world.a) {
        expect(await world.b.owners.probe("owner-a")).toBe("dead");
        expect(await world.b.owners.lock("root")).not.toBeNull();
        expect((await world.b.runs.read("run-1"))?.sequence).toBe(0);
      }
      await world.close();
    });
  });
}
