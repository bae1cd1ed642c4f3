import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filter, firstValueFrom } from "rxjs";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentSpec } from "../../src/domain/agent.ts";
import { readProcessRecord } from "../../src/process/process-record.ts";
import { endOrphanProcess } from "../../src/process/tree.ts";
import type { SandboxName } from "../../src/sandbox/sandbox.ts";
import {
  agentContract,
  agentPlace,
  allOf,
  bearersOf,
  expectNoneLeft,
  firstFinal,
} from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { killAtFirstWord } from "../process/kill.ts";
import { here } from "../sandbox/here.ts";
import { agentIn, hiddenDaemon, processesWith } from "../sandbox/in-sandbox.ts";

const ENGINE = fileURLToPath(new URL("../sandbox/engine.child.ts", import.meta.url));
const RUN = `tell({ type: "running" });`;
const DONE = `tell({ type: "completed", message: "done" });`;
const STAY = `setInterval(() => {}, 1000);`;

if (here) {
  agentContract("an agent in a sandbox", () => ({
    good: agentIn("bubblewrap", `${RUN} require("node:fs").writeFileSync("made", "x"); ${DONE}`),
    endless: agentIn("bubblewrap", `${RUN} ${STAY}`),
    failing: agentIn("bubblewrap", `${RUN} tell({ type: "errored", message: "no quota" });`),
    unstartable: null,
  }));
}

describe.runIf(here)("a tree in a pid namespace", () => {
  expectNoneLeft();

  test("is recorded as such", async () => {
    const { spec, places } = agentPlace();
    const handle = await agentIn("bubblewrap", `${RUN} ${STAY}`).spawn(spec, realClock);
    expect(await readProcessRecord(places.runFolder)).toMatchObject({
      reach: "pid-namespace",
      revoked: false,
    });
    expect(handle.sandbox).toBe("bubblewrap");
    await handle.close();
  });

  test("gets its grace: who is asked to end may still put things in order", async () => {
    const { spec } = agentPlace();
    const tidy = `process.on("SIGTERM", () => setTimeout(() => { require("node:fs").writeFileSync("tidied", ""); process.exit(0); }, 100));`;
    const handle = await agentIn("bubblewrap", `${tidy} ${RUN} ${STAY}`, { graceMs: 10_000 }).spawn(
      spec,
      realClock,
    );
    await firstValueFrom(handle.events$.pipe(filter(({ type }) => type === "agent.running")));
    await handle.close();
    expect(existsSync(join(spec.workspace, "tidied"))).toBe(true);
  });

  test("holds a daemon that hides from us, which lives on without it", async () => {
    const left = async (name: SandboxName) => {
      const { spec } = agentPlace();
      const token = tokenOf(spec, name);
      const handle = await agentIn(name, `${RUN} ${hiddenDaemon(token)} ${DONE}`).spawn(spec, realClock);
      await firstFinal(handle.events$);
      await handle.close();
      return processesWith(token).length;
    };
    expect([await left("bubblewrap"), await left("none")]).toEqual([0, 1]);
  });

  test("dies with an engine that is killed, hidden daemons and all; without it a daemon stays", async () => {
    const left = async (name: SandboxName) => {
      const { spec, places } = agentPlace();
      const token = tokenOf(spec, name);
      await killedEngine(name, spec, `${hiddenDaemon(token)} ${RUN} ${STAY}`);
      expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
      expect(bearersOf(spec.key)).toEqual([]);
      return processesWith(token).length;
    };
    expect([await left("bubblewrap"), await left("none")]).toEqual([0, 1]);
  });

  test("needs nobody to come and look: it dies by itself when its engine does", async () => {
    const { spec } = agentPlace();
    const token = tokenOf(spec, "bubblewrap");
    await killedEngine("bubblewrap", spec, `${hiddenDaemon(token)} ${RUN} ${STAY}`);
    while (bearersOf(spec.key).length > 0 || processesWith(token).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(processesWith(token)).toEqual([]);
  });
});

test.runIf(here)("no descriptor of ours gets in: not that of the store, open all the while", async () => {
  const { spec } = agentPlace();
  const store = join(dirname(dirname(spec.runFolder)), "slowwave.db");
  writeFileSync(store, "everything");
  const descriptor = openSync(store, "r");
  onTestFinished(() => closeSync(descriptor));
  const look = `const fs = require("node:fs");
    const files = fs.readdirSync("/proc/self/fd").filter((fd) => { try { return fs.fstatSync(+fd).isFile(); } catch { return false; } });
    const told = JSON.stringify(files.map((fd) => fs.readFileSync("/proc/self/fd/" + fd, "utf8")));`;
  const script = `${RUN} ${look} tell({ type: "completed", message: told });`;
  const handle = await agentIn("bubblewrap", script).spawn(spec, realClock);
  expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.completed", message: "[]" });
  await handle.close();
  const careless = spawnSync(process.execPath, ["-e", `${look} console.log(told);`], {
    stdio: ["ignore", "pipe", "inherit", descriptor],
  });
  expect(careless.stdout.toString()).toBe('["everything"]\n');
});

test.runIf(here)("nor does one that we were left ourselves by whoever started us", async () => {
  const { spec } = agentPlace();
  const secret = join(dirname(dirname(spec.runFolder)), "secret");
  writeFileSync(secret, "everything");
  const look = `const fs = require("node:fs");
    const files = fs.readdirSync("/proc/self/fd").filter((fd) => { try { return fs.fstatSync(+fd).isFile(); } catch { return false; } });
    const told = JSON.stringify(files.map((fd) => fs.readFileSync("/proc/self/fd/" + fd, "utf8")));`;
  const script = `${RUN} ${look} tell({ type: "completed", message: told });`;
  const descriptor = openSync(secret, "r");
  onTestFinished(() => closeSync(descriptor));
  // Node closes the first of what it inherits by itself; this one lies further up.
  const gap = Array.from({ length: 60 }, () => "ignore" as const);
  const { stdout } = spawnSync(process.execPath, engineWith("bubblewrap", spec, script), {
    stdio: ["ignore", "pipe", "inherit", ...gap, descriptor],
    encoding: "utf8",
  });
  expect(stdout).toBe("running\n[]\n");
});

/** Whatever is left with it goes with the test. */
function tokenOf(spec: AgentSpec, name: string): string {
  const token = `${spec.key} ${name}`;
  onTestFinished(() => {
    for (const pid of processesWith(token)) process.kill(pid, "SIGKILL");
  });
  return token;
}

async function killedEngine(name: SandboxName, spec: AgentSpec, script: string): Promise<void> {
  const child = spawn(process.execPath, engineWith(name, spec, script), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await killAtFirstWord(child);
}

function engineWith(name: SandboxName, spec: AgentSpec, script: string): readonly string[] {
  return ["--no-warnings", "--experimental-strip-types", ENGINE, name, JSON.stringify(spec), script];
}
