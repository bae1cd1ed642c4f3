import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import type { OpenWorld, World } from "./opened-store.ts";

export function ownerContract(name: string, open: OpenWorld): void {
  describe(`owners · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

    test("an owner lives from registration to unregistration; asking does not kill it", async () => {
      expect(await b.owners.probe("owner-a")).toBe("dead");
      const { unregister } = await a.owners.register("owner-a");
      expect(await a.owners.probe("owner-a")).toBe("alive");
      expect(await b.owners.probe("owner-a")).toBe("alive");
      expect(await b.owners.probe("owner-a")).toBe("alive");
      await unregister();
      expect([await a.owners.probe("owner-a"), await b.owners.probe("owner-a")]).toEqual(["dead", "dead"]);
      await unregister();
    });

    test("an id is registered once", async () => {
      const { unregister } = await a.owners.register("owner-a");
      await expect(b.owners.register("owner-a")).rejects.toMatchObject({ code: "store_busy" });
      expect(await b.owners.probe("owner-a")).toBe("alive");
      await unregister();
    });

    test("ids that differ by case, or are no file names, are told apart", async () => {
      const ids = ["Owner", "owner", "OWNER", "../owner", "a/b", ".", "x".repeat(300), "é\u0000"];
      const registered = [];
      for (const id of ids.slice(0, -1)) registered.push(await a.owners.register(id));
      const found = await Promise.all(ids.map((id) => b.owners.probe(id)));
      expect(found).toEqual([...ids.slice(0, -1).map(() => "alive"), "dead"]);
      for (const { unregister } of registered) await unregister();
    });

    test("a lock has one holder, of the same store too, and is free again after unlocking", async () => {
      const held = await a.owners.lock("/some/Root");
      expect(held).not.toBeNull();
      expect(await a.owners.lock("/some/Root")).toBeNull();
      expect(await b.owners.lock("/some/Root")).toBeNull();
      const other = await b.owners.lock("/some/root");
      expect(other).not.toBeNull();
      await held?.unlock();
      const again = await b.owners.lock("/some/Root");
      expect(again).not.toBeNull();
      // The former holder unlocking once more does not free what is another's now.
      await held?.unlock();
      expect(await a.owners.lock("/some/Root")).toBeNull();
    });

    test("a lock and an owner of the same name have nothing to do with each other", async () => {
      await a.owners.register("same");
      expect(await b.owners.lock("same")).not.toBeNull();
    });
  });
}
