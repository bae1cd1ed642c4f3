import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Connection } from "../../domain/connection.ts";
import { NOW_MS, type OpenWorld, type World } from "./given.ts";

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

export function connectionContract(name: string, open: OpenWorld): void {
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
