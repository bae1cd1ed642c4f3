import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { AgentName, How } from "../../src/delivery/agent-places.ts";
import {
  type ConnectDeps,
  carryOut,
  disconnect,
  planConnection,
  repairConnections,
} from "../../src/delivery/connect.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { temporaryFolder } from "../cli/invoke.ts";
import type { DyingOrder } from "../delivery/dying-connect.child.ts";

const CHILD = resolve("test/delivery/dying-connect.child.ts");
const TEXTS = { overview: "What was learned\n", skill: "---\nname: slowwave-memory\n---\n" };

const BEFORE: Readonly<Record<string, string>> = {
  ".codex/AGENTS.md": "No line break at the end",
  ".config/opencode/opencode.json": '{\n  "instructions": ["mine.md"]\n}\n',
  ".gemini/settings.json": "{}",
};

function user() {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(BEFORE)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, "home"));
  const database = join(folder, "home", "slowwave.db");
  const around = {
    env: {},
    user: folder,
    home: join(folder, "home"),
    space: "global",
    program: ["node", "x.js"],
  };
  /** In a process that dies before that change; false when it had fewer. */
  const die = (what: DyingOrder["do"], agent: AgentName, how: How, dieBefore: number) => {
    const order: DyingOrder = { database, around, texts: TEXTS, do: what, agent, how, dieBefore };
    const { signal, status, stderr } = spawnSync(process.execPath, [CHILD, JSON.stringify(order)]);
    if (signal !== "SIGKILL" && status !== 0) throw new Error(stderr.toString());
    return signal === "SIGKILL";
  };
  const opened = async <Result>(work: (deps: ConnectDeps) => Promise<Result>) => {
    const store = await openSqliteStore({ path: database });
    try {
      return await work({ connections: store.connections, files: nodeFiles(), nowMs: () => 2_000 });
    } finally {
      await store.close();
    }
  };
  const repair = () =>
    opened(async (deps) => {
      const states = await repairConnections(deps, "global", TEXTS);
      const rows = (await deps.connections.list()).length;
      return { rows, problems: states.flatMap(({ problem }) => problem ?? []) };
    });
  const connect = (agent: AgentName, how: How) =>
    opened(async (deps) => carryOut(deps, await planConnection(deps, agent, how, around, TEXTS)));
  const undo = (agent: AgentName) => opened((deps) => disconnect(deps, agent));
  return { die, connect, undo, repair, tree: () => treeOf(folder) };
}

function treeOf(folder: string): Readonly<Record<string, string | null>> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names
      .filter((name) => name !== "home" && !name.startsWith("home/"))
      .map((name) => {
        const path = join(folder, name);
        return [
          name,
          lstatSync(path).isFile() ? readFileSync(path, "utf8").replaceAll(folder, "USER") : null,
        ];
      }),
  );
}

const WAYS: readonly (readonly [AgentName, How])[] = [
  ["claude", "file"],
  ["codex", "block"],
  ["gemini", "hook"],
  ["opencode", "file"],
];

describe("kill -9 before each change of a row, file or folder", () => {
  test.each(WAYS)(
    "while %s is connected by %s: the next look leaves it connected or untouched, and while it is disconnected, gone",
    async (agent, how) => {
      const whole = user();
      const before = whole.tree();
      await whole.connect(agent, how);
      const after = whole.tree();
      const seen = { connecting: 0, disconnecting: 0 };
      for (let at = 1; ; at += 1) {
        const here = user();
        if (!here.die("connect", agent, how, at)) break;
        seen.connecting += 1;
        const { rows, problems } = await here.repair();
        expect([at, problems, here.tree()]).toEqual([at, [], rows === 0 ? before : expect.anything()]);
        // A kill between two rows leaves the first place alone connected; connecting again brings all of it.
        await here.connect(agent, how);
        expect([at, here.tree()]).toEqual([at, after]);
        await here.undo(agent);
        expect([at, here.tree()]).toEqual([at, before]);
      }
      for (let at = 1; ; at += 1) {
        const here = user();
        await here.connect(agent, how);
        if (!here.die("disconnect", agent, how, at)) break;
        seen.disconnecting += 1;
        await here.repair();
        await here.undo(agent);
        expect([at, here.tree()]).toEqual([at, before]);
      }
      expect(seen.connecting).toBeGreaterThan(4);
      expect(seen.disconnecting).toBeGreaterThan(4);
    },
    120_000,
  );
});
