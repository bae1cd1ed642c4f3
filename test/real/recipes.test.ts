import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { session } from "../engine/phase2-world.ts";
import { freePort, openClusterFolder, startCluster } from "../postgres/cluster.ts";
import { majorsHere } from "../postgres/servers.ts";
import { installed } from "./installed.ts";

const CHILD = fileURLToPath(new URL("recipe.child.ts", import.meta.url));
const MODULES = new URL("recipe-modules.ts", import.meta.url).href;
/** Long enough to be killed in. */
const AGENT_MS = 1_500;

/** A home with one due space, and its workers. */
async function recipeWorld(recipe: string, modules: string, env: Record<string, string> = {}) {
  const home = mkdtempSync(join(tmpdir(), `slowwave-recipe-${recipe}-`));
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  await store.memories.upsert("global", [session(1)]);
  const workers: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const worker of workers) worker.kill("SIGKILL");
    await store.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    store,
    agents: () => {
      const log = join(home, "agents.log");
      return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0;
    },
    async worker(): Promise<ChildProcess> {
      const child = fork(CHILD, {
        execArgv: [
          "--experimental-strip-types",
          "--disable-warning=ExperimentalWarning",
          `--import=${MODULES}`,
        ],
        env: {
          ...process.env,
          RECIPE: recipe,
          HOME_FOLDER: home,
          SLOWWAVE_RECIPE_MODULES: modules,
          AGENT_MS: String(AGENT_MS),
          ...env,
        },
      });
      workers.push(child);
      await message(child, "ready");
      return child;
    },
  };
}

/** The next message of this type; whatever else the child says is no answer to this. */
function message(child: ChildProcess, type: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    child.on("message", (said: Record<string, unknown>) => said.type === type && resolve(said));
    child.once("exit", (code, signal) => reject(new Error(`The worker ended: ${code ?? signal}`)));
  });
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

const dbos = installed("@dbos-inc/dbos-sdk", "5.3.0");

describe.skipIf(dbos === null || majorsHere().length === 0)("phase 2 in a DBOS workflow", () => {
  const modules = dirname(dirname(dbos ?? ""));

  test("goes on after kill -9 of its worker, once one starts under the same executor id, and publishes once", async () => {
    const folder = openClusterFolder();
    onTestFinished(() => folder.close());
    const [major = 15] = majorsHere();
    const cluster = await startCluster(folder.path, "dbos", { major });
    const { worker, store, agents } = await recipeWorld("dbos", modules, {
      DATABASE: cluster.url("recipe_dbos"),
    });
    const first = await worker();
    const atWork = message(first, "agent");
    first.send("global");
    await atWork;
    await killed(first);

    const second = await worker();
    // The space is still the killed worker's workflow: it isn't queued a second time.
    const end = message(second, "result");
    second.send("global");
    const { result } = await end;
    expect(result).toMatchObject({ status: "succeeded", cause: null });
    expect(await store.generations.list("global", 9)).toHaveLength(1);
    expect({ agents: agents(), row: (await store.jobs.read("global"))?.status }).toEqual({
      agents: 2,
      row: "done",
    });
  });
});

const restate = installed("@restatedev/restate-server", "1.7.12", ["@restatedev/restate-sdk@1.17.2"]);

describe.skipIf(restate === null)("phase 2 in a Restate virtual object", () => {
  const modules = dirname(dirname(restate ?? ""));

  test("goes on after kill -9 of its worker, at the address where the next one listens, and publishes once", async () => {
    const server = await startRestate(restate ?? "");
    const port = await freePort("127.0.0.1");
    const { worker, store, agents } = await recipeWorld("restate", modules, { PORT: String(port) });
    const first = await worker();
    await post(`${server.admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
    const atWork = message(first, "agent");
    const end = post(`${server.ingress}/space/global/consolidate`, {});
    await atWork;
    await killed(first);

    await worker();
    expect(await end).toMatchObject({ status: "succeeded", cause: null });
    expect(await store.generations.list("global", 9)).toHaveLength(1);
    expect({ agents: agents(), row: (await store.jobs.read("global"))?.status }).toEqual({
      agents: 2,
      row: "done",
    });
  });
});

async function startRestate(bin: string): Promise<{ readonly admin: string; readonly ingress: string }> {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-restate-"));
  const [ingress, admin, node] = await Promise.all([1, 2, 3].map(() => freePort("127.0.0.1")));
  // The command of the package starts the server and would leave it behind; where the system can, it dies with this test.
  const [native = ""] = globSync(join(dirname(bin), "@restatedev/restate-server-*/bin/restate-server"));
  const leash = process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const [command = "", ...args] = [...leash, native, "--node-name", "recipe"];
  const server = spawn(command, args, {
    cwd: folder,
    stdio: "ignore",
    env: {
      ...process.env,
      RESTATE_BASE_DIR: folder,
      RESTATE_LISTEN_MODE: "tcp",
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_INGRESS__ADVERTISED_INGRESS_ENDPOINT: `http://127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_DISABLE_TELEMETRY: "true",
      DO_NOT_TRACK: "1",
      RESTATE_LOG_FILTER: "error",
    },
  });
  onTestFinished(async () => {
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const at = { admin: `http://127.0.0.1:${admin}`, ingress: `http://127.0.0.1:${ingress}` };
  for (const started = Date.now(); ; await pause(100)) {
    const isHealthy = await fetch(`${at.admin}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isHealthy) return at;
    if (Date.now() - started > 60_000 || server.exitCode !== null) throw new Error("Restate did not start.");
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}
