import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { AgentSpec } from "../../src/domain/agent.ts";
import {
  identityOf,
  isLiving,
  type ProcessRecord,
  readProcessRecord,
  readStat,
  writeProcessRecord,
} from "../../src/process/process-record.ts";
import { endOrphanProcess } from "../../src/process/tree.ts";
import { agentPlace, bearersOf, expectNoneLeft } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { scriptedAgent } from "../agents/scripted-agent.ts";
import { killAtFirstWord } from "./kill.ts";

expectNoneLeft();

const SUPERVISOR = fileURLToPath(new URL("./supervisor.ts", import.meta.url));
const RUNNING = `process.stdout.write('{"type":"running"}\\n');`;
const STAY = `setInterval(() => {}, 1000);`;

test("after kill -9 of the supervisor, another process ends the agent and all it forked, and says so", async () => {
  const { spec, places } = agentPlace();
  const fork = `require("node:child_process").spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });`;
  await killedSupervisor(spec, `${fork} process.on("SIGTERM", () => {}); ${RUNNING} ${STAY}`);
  expect(bearersOf(spec.key)).toHaveLength(2);
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
});

test("an orphan whose identity was never written is found by its mark", async () => {
  const { spec, places } = agentPlace();
  await killedSupervisor(spec, `${RUNNING} ${STAY}`);
  await writeProcessRecord(places.runFolder, record(spec, { process: null }));
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
});

test("an orphan that wiped its environment is found by its identity", async () => {
  const { spec, places } = agentPlace();
  const wiped = bystander("env", ["-i", "sleep", "1000"]);
  const exit = once(wiped, "exit");
  await writeProcessRecord(places.runFolder, record(spec, { process: identityOf(wiped.pid ?? 0) }));
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  expect(await exit).toEqual([null, "SIGKILL"]);
});

test("an agent that watches its parent ends by itself when its supervisor is killed", async () => {
  const { spec } = agentPlace();
  const watch = new URL("../../src/sandbox/parent-death-watch.ts", import.meta.url).href;
  await killedSupervisor(spec, `await import(${JSON.stringify(watch)}); ${RUNNING} ${STAY}`);
  await gone(() => bearersOf(spec.key).length === 0);
});

const strangers: readonly {
  readonly who: string;
  readonly differs: (at: ProcessRecord["process"]) => object;
}[] = [
  { who: "a process that got the same number later", differs: () => ({ startTime: "1" }) },
  {
    who: "a process of an earlier boot",
    differs: () => ({ bootId: "0b072bc5-0000-4000-8000-000000000000" }),
  },
  { who: "a process of another pid namespace", differs: () => ({ pidNamespace: "pid:[1]" }) },
  { who: "a process whose start time is not known", differs: () => ({ startTime: null }) },
];

test.each(strangers)("$who is never signalled", async ({ differs }) => {
  const { spec, places } = agentPlace();
  const innocent = bystander("sleep", ["1000"]);
  const identity = identityOf(innocent.pid ?? 0);
  await writeProcessRecord(
    places.runFolder,
    record(spec, { process: { ...identity, ...differs(identity) } }),
  );
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  expect(living(identity.pid)).toMatchObject({ startTime: identity.startTime });
});

test("a session whose head is gone proves nothing to a later process", async () => {
  const { spec, places } = agentPlace();
  // The head of the session exits; its child stays in the session.
  const head = bystander("sh", ["-c", "sleep 1000 & echo $!"]);
  const exit = once(head, "exit");
  const identity = identityOf(head.pid ?? 0);
  const [line] = (await once(head.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const member = Number(line.toString());
  onTestFinished(() => void process.kill(member, "SIGKILL"));
  await writeProcessRecord(places.runFolder, record(spec, { process: identity }));
  await exit;
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  expect(living(member)).toMatchObject({ session: identity.pid });
});

test("no record: nothing had been started; a record nobody can read: something had", async () => {
  const { places } = agentPlace();
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(false);
  writeFileSync(join(places.runFolder, "agent.json"), "{");
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(true);
  rmSync(places.runFolder, { recursive: true });
  expect(await endOrphanProcess(places.runFolder, realClock)).toBe(false);
});

test("the intent is on the disk before the process starts, the identity after", async () => {
  const { spec, places } = agentPlace();
  let before: unknown;
  const runner = scriptedAgent("", {
    command: async () => {
      before = await readProcessRecord(places.runFolder);
      const env = { PATH: process.env.PATH ?? "", SLOWWAVE_RUN: spec.key };
      return { file: "sleep", args: ["1000"], env, cwd: spec.workspace };
    },
  });
  const handle = await runner.spawn(spec, { ...realClock, nowMs: () => 7 });
  expect(before).toEqual(record(spec, { atMs: 7 }));
  const [pid = 0] = bearersOf(spec.key);
  const known = record(spec, { atMs: 7, process: identityOf(pid) });
  expect(await readProcessRecord(places.runFolder)).toEqual(known);
  await handle.close();
});

test("a start that comes late, after another process took over, ends itself", async () => {
  const { spec, places } = agentPlace();
  const runner = scriptedAgent("", {
    // Stands for a supervisor that was stopped between its intent and the start.
    command: async () => {
      await endOrphanProcess(places.runFolder, realClock);
      const env = { PATH: process.env.PATH ?? "", SLOWWAVE_RUN: spec.key };
      return { file: "sleep", args: ["1000"], env, cwd: spec.workspace };
    },
  });
  await expect(runner.spawn(spec, realClock)).rejects.toMatchObject({ code: "agent_superseded" });
  expect(bearersOf(spec.key)).toEqual([]);
});

function record(spec: AgentSpec, differing: Partial<ProcessRecord>): ProcessRecord {
  return {
    version: 1,
    key: spec.key,
    agent: "scripted",
    atMs: 0,
    reach: "session-and-mark",
    process: null,
    revoked: false,
    ...differing,
  };
}

function living(pid: number) {
  const stat = readStat(pid);
  return isLiving(stat) ? stat : null;
}

/** In a session of its own, as agents are; without their mark. */
function bystander(file: string, args: readonly string[]): ChildProcess {
  const child = spawn(file, args, { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function killedSupervisor(spec: AgentSpec, script: string): Promise<void> {
  const child = spawn(process.execPath, ["--no-warnings", SUPERVISOR, JSON.stringify(spec), script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await killAtFirstWord(child);
}

async function gone(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve));
}
