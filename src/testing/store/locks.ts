import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Locks } from "../../domain/ports.ts";

/** Two doors to the locks of one machine. */
export interface LocksWorld {
  readonly a: Locks;
  readonly b: Locks;
  close(): Promise<void>;
}

/** Declares the tests that the locks of a machine pass, whoever makes them. */
export function locksContract(name: string, open: () => Promise<LocksWorld>): void {
  describe(`locks · ${name}`, () => {
    let world: LocksWorld;
    let a: Locks;
    let b: Locks;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

    test("a lock has one holder, of the same door too, and is free again after unlocking", async () => {
      const held = await a.lock("/some/Root");
      expect(held).not.toBeNull();
      expect(await a.lock("/some/Root")).toBeNull();
      expect(await b.lock("/some/Root")).toBeNull();
      const other = await b.lock("/some/root");
      expect(other).not.toBeNull();
      await held?.unlock();
      const again = await b.lock("/some/Root");
      expect(again).not.toBeNull();
      // The former holder unlocking once more does not free what is another's now.
      await held?.unlock();
      expect(await a.lock("/some/Root")).toBeNull();
      await Promise.all([other?.unlock(), again?.unlock()]);
    });

    test("of many who ask at once one gets it", async () => {
      const asked = await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 ? a : b).lock("one")));
      const given = asked.filter((lock) => lock !== null);
      expect(given).toHaveLength(1);
      for (const lock of given) await lock.unlock();
      const next = await b.lock("one");
      expect(next).not.toBeNull();
      await next?.unlock();
    });
  });
}
