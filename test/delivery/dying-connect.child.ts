import type { AgentName, How, Surroundings } from "../../src/delivery/agent-places.ts";
import { carryOut, disconnect, planConnection } from "../../src/delivery/connect.ts";
import type { ShownTexts } from "../../src/delivery/shown-texts.ts";
import type { Files, Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";

/**
 * Connects or disconnects, and dies by kill -9 before its n-th change of a row, a file or a folder. Ends with 0 when there
 * were fewer changes than that.
 */
export interface DyingOrder {
  readonly database: string;
  readonly around: Surroundings;
  readonly texts: ShownTexts;
  readonly do: "connect" | "disconnect";
  readonly agent: AgentName;
  readonly how: How;
  readonly dieBefore: number;
}

const order = JSON.parse(process.argv[2] ?? "") as DyingOrder;
let changes = 0;

function change(): void {
  changes += 1;
  if (changes === order.dieBefore) process.kill(process.pid, "SIGKILL");
}

function dyingFiles(files: Files): Files {
  return {
    ...files,
    open: async (path) => dyingFolder(await files.open(path)),
    makeFolders: (path) => {
      change();
      return files.makeFolders(path);
    },
  };
}

function dyingFolder(folder: Folder): Folder {
  const CHANGING = new Set(["create", "rename", "remove", "removeFolder", "sync"]);
  return new Proxy(folder, {
    get: (target, name, receiver) => {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function" || !CHANGING.has(String(name))) return method;
      return (...values: unknown[]) => {
        change();
        return (method as (...given: unknown[]) => unknown).apply(target, values);
      };
    },
  });
}

const store = await openSqliteStore({ path: order.database });
const { connections } = store;
const deps = {
  files: dyingFiles(nodeFiles()),
  nowMs: () => 1_000,
  connections: {
    list: () => connections.list(),
    save: (row: Parameters<typeof connections.save>[0]) => {
      change();
      return connections.save(row);
    },
    remove: (id: string) => {
      change();
      return connections.remove(id);
    },
  },
};
if (order.do === "connect")
  await carryOut(deps, await planConnection(deps, order.agent, order.how, order.around, order.texts));
else await disconnect(deps, order.agent);
await store.close();
