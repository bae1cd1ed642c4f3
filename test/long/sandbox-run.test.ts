import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { commandLine, type Invoked, line, temporaryFolder } from "../cli/invoke.ts";
import { processesOf, run, start } from "../cli/real-process.ts";
import { here } from "../sandbox/here.ts";
import { hiddenDaemon, processesWith } from "../sandbox/in-sandbox.ts";

/** Whole runs through the command line, with agents that are child processes. */
const HOSTILE = fileURLToPath(new URL("../sandbox/hostile-acp.child.ts", import.meta.url));
const PATH = process.env.PATH ?? "";

afterEach(() => {
  process.env.PATH = PATH;
});

/** One session to consolidate, and an ACP agent that wants the store, the memory and a secret of the person. */
async function withHostile(
  script?: string,
): Promise<Invoked & { readonly folder: string; readonly env: Env }> {
  const folder = temporaryFolder();
  const home = join(folder, "home");
  const memory = join(home, "memories", "MEMORY.md");
  const secret = join(folder, "id_ed25519");
  writeFileSync(secret, "secret");
  const read = { store: join(home, "slowwave.db"), secret };
  const plan = JSON.stringify({ read, write: { memory }, script });
  const node = [process.execPath, "--experimental-strip-types", "--no-warnings"];
  const env = { SLOWWAVE_AGENT_COMMAND: JSON.stringify([...node, HOSTILE, plan]) };
  const invoked = commandLine({ stdin: [`${line()}\n`], env }, folder);
  await invoked.slowwave("import", "-");
  mkdirSync(dirname(memory), { recursive: true });
  return { ...invoked, folder, env };
}

type Env = Readonly<Record<string, string>>;

test.runIf(here)(
  "an agent in a sandbox reaches neither store nor memory nor home; without one it has them all",
  async () => {
    const tried = async (...sandbox: readonly string[]) => {
      const { json } = await withHostile();
      const { code, value } = await json("run", "--agent", "acp", ...sandbox);
      const shown = (await json("runs", "show", "last", "--transcript")).value as {
        readonly transcript: readonly { readonly text: string }[];
      };
      const said = shown.transcript.map(({ text }) => text).find((text) => text.startsWith("{"));
      const { status, agent } = value as { status: string; agent: { sandbox: string; network: string } };
      const { sandbox: name, network } = agent;
      return { code, status, name, network, results: JSON.parse(said ?? "{}") };
    };
    const refused = { code: 4, status: "failed_invalid_artifacts", network: "open" };
    expect(await tried()).toEqual({
      ...refused,
      name: "bubblewrap",
      results: { store: "ENOENT", secret: "ENOENT", memory: "ENOENT" },
    });
    expect(await tried("--sandbox", "none")).toMatchObject({
      name: "none",
      results: { store: "done", secret: "done", memory: "done" },
    });
  },
);

test.runIf(here)("the built-in agent does its work in a sandbox with its network closed", async () => {
  const { json, slowwave, home } = commandLine({ stdin: [`${line()}\n`] });
  await slowwave("import", "-");
  expect(await json("run", "--sandbox", "bubblewrap")).toMatchObject({
    code: 0,
    value: {
      status: "succeeded",
      agent: { name: "extractive", sandbox: "bubblewrap+node-permission", network: "none" },
    },
  });
  expect(readFileSync(join(home, "memories", "memory_summary.md"), "utf8")).toMatch(/^v1\n/);
});

test("the built-in agent works without any sandbox only where that was chosen, and the result says so", async () => {
  const { json, slowwave } = commandLine({ stdin: [`${line()}\n`], env: { SLOWWAVE_SANDBOX: "none" } });
  await slowwave("import", "-");
  expect(await json("run")).toMatchObject({
    code: 0,
    value: { status: "succeeded", agent: { name: "extractive", sandbox: "none", network: "open" } },
  });
  expect((await slowwave("doctor")).stdout).toMatch(/^warn sandbox +none, by choice/m);
});

test("where there is no bubblewrap a run that needs it fails before anything starts, and says what to install", async () => {
  const { slowwave, json } = await withHostile();
  process.env.PATH = temporaryFolder();
  for (const choice of [["acp"], ["extractive", "--sandbox", "bubblewrap"]]) {
    expect(await json("run", "--now", "--agent", ...choice)).toMatchObject({
      code: 1,
      value: {
        status: "failed_sandbox_policy",
        reason: { code: "failed_sandbox_policy", cause: expect.stringContaining("apt install bubblewrap") },
        agent: null,
      },
    });
  }
  expect((await slowwave("doctor")).stdout).toMatch(
    /^warn sandbox +bubblewrap is not here: .*apt install bubblewrap/m,
  );
  expect((await slowwave("agents")).stdout).toContain("node-permission");
});

test("without bubblewrap the built-in agent works under Node's permission model, and the result says what that leaves open", async () => {
  const { json } = await withHostile();
  process.env.PATH = temporaryFolder();
  const isClosed = Number(process.versions.node.split(".")[0]) >= 25;
  expect(await json("run")).toMatchObject({
    code: 0,
    value: { agent: { sandbox: "node-permission", network: isClosed ? "none" : "open" } },
  });
});

test("a sandbox nobody knows is refused", async () => {
  expect(await commandLine().json("run", "--sandbox", "chroot")).toMatchObject({
    code: 2,
    value: {
      error: {
        code: "invalid_settings",
        message: "sandbox, given by --sandbox, is not valid: expected bubblewrap or none.",
      },
    },
  });
});

test.runIf(here)(
  "after kill -9 of the command nothing of its agent lives, a daemon that hides included",
  async () => {
    const token = `hidden ${process.pid}`;
    onTestFinished(() => {
      for (const pid of processesWith(token)) process.kill(pid, "SIGKILL");
    });
    const { folder, home, env } = await withHostile(`${hiddenDaemon(token)} setInterval(() => {}, 1000);`);
    const world = { env: { ...env, PATH, HOME: folder, SLOWWAVE_HOME: home } };
    const command = start(["run", "--agent", "acp"], world);
    await until(() => processesWith(token).length === 1);
    command.process.kill("SIGKILL");
    await until(() => processesWith(token).length === 0 && processesOf(home).length === 0);
    // The next process finds the room empty and brings the run to its end.
    const { code } = await run(["recover", "--json"], {
      env: { ...world.env, SLOWWAVE_AGENT: "extractive" },
    });
    expect(code).toBe(0);
    expect(processesWith(token)).toEqual([]);
  },
  60_000,
);

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 100));
}
