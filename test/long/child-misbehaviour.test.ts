import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { expect, test } from "vitest";
import type { AgentEvent, AgentRunner } from "../../src/domain/agent.ts";
import { agentPlace, allOf, bearersOf, expectNoneLeft } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { scriptedAgent } from "../agents/scripted-agent.ts";

/**
 * What a child process can do wrong. Each has one named outcome; that it comes in bounded time is what the
 * test's own time limit says, and that no process is left is checked after each.
 */
expectNoneLeft();

const RUN = `tell({ type: "running" });`;
const DONE = `tell({ type: "completed", message: "done" });`;
const STAY = `setInterval(() => {}, 1000);`;
const FORK = `const { spawn } = require("node:child_process");`;
/** Leaves its parents and its session; only its environment still says whose it is. */
const DAEMON = `${FORK} spawn(process.execPath, ["-e", \`
  require("node:child_process").spawn(process.execPath, ["-e", "require('node:fs').writeFileSync('daemon', ''); setInterval(() => {}, 1000)"],
    { detached: true, stdio: "ignore" }).unref();
\`], { detached: true, stdio: "ignore" }).unref();`;

interface Misdeed {
  readonly does: string;
  readonly script: string;
  readonly ends: AgentEvent;
  /** For those who stay: the time they are given to go by themselves. */
  readonly exitMs?: number;
}

const misdeeds: readonly Misdeed[] = [
  {
    does: "exits at once with code 0 and without a word",
    script: "",
    ends: errored("the agent exited with code 0 without saying that it was done"),
  },
  {
    does: "exits with code 1 and says why on stderr",
    script: `console.error("\\u001b[31mno such model\\u001b[0m"); process.exit(1);`,
    ends: errored(
      "the agent exited with code 1 without saying that it was done: \ufffd[31mno such model\ufffd[0m",
    ),
  },
  {
    does: "dies by a signal",
    script: `${RUN} process.kill(process.pid, "SIGSEGV"); ${STAY}`,
    ends: errored("the agent was ended by SIGSEGV without saying that it was done"),
  },
  {
    does: "writes something that is not a status",
    script: `${RUN} console.log("hello {"); ${STAY}`,
    ends: errored("the agent was ended: it wrote a line that is not a status: hello {"),
  },
  {
    does: "writes a status of the wrong shape",
    script: `${RUN} tell({ type: "completed", message: 7 }); ${STAY}`,
    ends: errored(
      'the agent was ended: it wrote a line that is not a status: {"type":"completed","message":7}',
    ),
  },
  {
    does: "writes a line of 100 MB",
    script: `${RUN} const big = "x".repeat(1 << 20); for (let i = 0; i < 100; i += 1) process.stdout.write(big); ${STAY}`,
    ends: errored("the agent was ended: it wrote a line longer than 1 MiB"),
  },
  {
    does: "writes bytes that never form a line, a few at a time",
    script: `${RUN} const write = () => process.stdout.write("xxxx", write); write();`,
    ends: errored("the agent was ended: it wrote a line longer than 1 MiB"),
  },
  {
    does: "talks without end",
    script: `${RUN} const line = JSON.stringify({ type: "thought", text: "x".repeat(4000) }) + "\\n"; const write = () => { while (process.stdout.write(line.repeat(100))); process.stdout.once("drain", write); }; write();`,
    ends: errored("the agent was ended: it wrote more than 64 MiB of output"),
  },
  {
    does: "floods its stderr",
    script: `${RUN} const line = "x".repeat(65536); const write = () => { while (process.stderr.write(line)); process.stderr.once("drain", write); }; write();`,
    ends: errored("the agent was ended: it flooded its standard error"),
  },
  {
    does: "completes twice",
    script: `${RUN} ${DONE} tell({ type: "completed", message: "again" });`,
    ends: { type: "agent.completed", message: "done" },
  },
  {
    does: "completes, then errs",
    script: `${RUN} ${DONE} tell({ type: "errored", message: "no" });`,
    ends: { type: "agent.completed", message: "done" },
  },
  {
    does: "completes, then exits with code 3",
    script: `${RUN} ${DONE} process.exitCode = 3;`,
    ends: errored("the agent said it was done, then exited with code 3"),
  },
  {
    does: "completes but stays alive",
    script: `${RUN} ${DONE} ${STAY}`,
    exitMs: 100,
    ends: { type: "agent.completed", message: "done" },
  },
  {
    does: "completes, stays alive and ignores SIGTERM",
    script: `process.on("SIGTERM", () => {}); ${RUN} ${DONE} ${STAY}`,
    exitMs: 100,
    ends: { type: "agent.completed", message: "done" },
  },
  {
    does: "says it failed and stays alive",
    script: `${RUN} tell({ type: "errored", message: "no quota" }); ${STAY}`,
    exitMs: 100,
    ends: errored("no quota"),
  },
  {
    does: "completes while a grandchild keeps its stdio open",
    script: `${FORK} ${RUN} spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" }).unref(); ${DONE} process.exit(0);`,
    ends: { type: "agent.completed", message: "done" },
  },
  {
    does: "closes its stdout early and goes on",
    script: `${RUN} require("node:fs").closeSync(1); setTimeout(() => process.exit(0), 50);`,
    ends: errored("the agent exited with code 0 without saying that it was done"),
  },
  {
    does: "reports absurd usage",
    script: `${RUN} for (const turns of [-1, "9", null, 1e400, 2.5, {}]) tell({ type: "usage", usage: { turns, inputTokens: turns, costUsd: turns } }); tell({ type: "usage", usage: [] }); ${DONE}`,
    ends: { type: "agent.completed", message: "done" },
  },
];

test.each(misdeeds)("an agent that $does", async ({ script, ends, exitMs }) => {
  const { spec } = agentPlace();
  const before = process.memoryUsage().rss;
  const handle = await scriptedAgent(script, exitMs === undefined ? {} : { exitMs }).spawn(spec, realClock);
  await lastValueFrom(handle.events$);
  // Heard again from the beginning: what is kept of it is bounded.
  const events = await allOf(handle);
  expect(events.at(-1)).toEqual(ends);
  expect(events.filter(({ type }) => type === ends.type)).toHaveLength(1);
  expect(events.length).toBeLessThan(500);
  expect(bearersOf(spec.key)).toEqual([]);
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
  await handle.close();
});

test("absurd usage is left out; true usage never falls", async () => {
  const { spec } = agentPlace();
  const script = `${RUN} tell({ type: "usage", usage: { turns: 3, inputTokens: 10, outputTokens: -1, costUsd: 0.25 } });
    tell({ type: "usage", usage: { turns: 1, inputTokens: 1e300, outputTokens: 5, costUsd: "9", estimated: true } }); ${DONE}`;
  const handle = await scriptedAgent(script).spawn(spec, realClock);
  const usages = (await allOf(handle)).flatMap((event) =>
    event.type === "agent.usage" ? [event.usage] : [],
  );
  expect(usages).toEqual([
    { turns: 1, inputTokens: null, outputTokens: null, costUsd: null, estimated: false },
    { turns: 3, inputTokens: 10, outputTokens: null, costUsd: 0.25, estimated: false },
    { turns: 3, inputTokens: 10, outputTokens: 5, costUsd: 0.25, estimated: true },
  ]);
});

const stubborn: readonly { readonly does: string; readonly runner: AgentRunner }[] = [
  { does: "ignores SIGTERM", runner: scriptedAgent(`process.on("SIGTERM", () => {}); ${RUN} ${STAY}`) },
  { does: "was stopped", runner: scriptedAgent(`${RUN} process.kill(process.pid, "SIGSTOP"); ${STAY}`) },
  { does: "spins without ever looking up", runner: scriptedAgent(`${RUN} for (;;);`) },
  {
    does: "forks when it is told to end",
    runner: scriptedAgent(
      `${FORK} process.on("SIGTERM", () => { for (let i = 0; i < 3; i += 1) spawn("sleep", ["100"], { detached: true, stdio: "ignore" }); }); ${RUN} ${STAY}`,
    ),
  },
];

test.each(stubborn)("an agent that $does is ended by close", async ({ runner }) => {
  const { spec } = agentPlace();
  const handle = await runner.spawn(spec, realClock);
  await running(handle);
  await handle.close();
  expect(bearersOf(spec.key)).toEqual([]);
  expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
});

test("a daemon that left its parents and its session does not outlive the agent", async () => {
  const { spec } = agentPlace();
  const wait = `const wait = setInterval(() => { if (require("node:fs").existsSync("daemon")) { clearInterval(wait); ${DONE} } }, 10);`;
  const handle = await scriptedAgent(`${DAEMON} ${RUN} ${wait}`).spawn(spec, realClock);
  expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.completed", message: "done" });
  expect(existsSync(join(spec.workspace, "daemon"))).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
});

test("its end is told only when nobody is left who could write", async () => {
  const { spec } = agentPlace();
  const writer = `${FORK} spawn(process.execPath, ["-e", "setInterval(() => require('node:fs').writeFileSync('late', String(Math.random())), 1)"], { detached: true, stdio: "ignore" }).unref();`;
  const wait = `const wait = setInterval(() => { if (require("node:fs").existsSync("late")) { clearInterval(wait); ${DONE} } }, 10);`;
  const handle = await scriptedAgent(`${RUN} ${writer} ${wait}`).spawn(spec, realClock);
  await new Promise<void>((resolve) =>
    handle.events$.subscribe((event) => event.type === "agent.completed" && resolve()),
  );
  writeFileSync(join(spec.workspace, "late"), "mine");
  // A write takes a turn of the event loop there: one process start here is time enough for many.
  await scriptedAgent("")
    .spawn({ ...spec, key: `${spec.key}-2` }, realClock)
    .then(allOf);
  expect(readFileSync(join(spec.workspace, "late"), "utf8")).toBe("mine");
});

test("the environment of an agent holds the allow-list and the mark, and no secret of ours", async () => {
  const { spec } = agentPlace();
  process.env.SLOWWAVE_TEST_TOKEN = "secret";
  process.env.NODE_OPTIONS = "--no-warnings";
  const script = `${RUN} tell({ type: "completed", message: Object.keys(process.env).sort().join(" ") });`;
  const handle = await scriptedAgent(script).spawn(spec, realClock);
  const last = (await allOf(handle)).at(-1) as { message: string };
  delete process.env.SLOWWAVE_TEST_TOKEN;
  delete process.env.NODE_OPTIONS;
  const names = last.message
    .split(" ")
    .filter((name) => !["LANG", "LC_ALL", "LC_CTYPE", "TZ"].includes(name));
  expect(names).toEqual(["PATH", "SLOWWAVE_RUN"]);
});

function errored(message: string): AgentEvent {
  return { type: "agent.errored", message };
}

function running(handle: Awaited<ReturnType<AgentRunner["spawn"]>>): Promise<void> {
  return new Promise((resolve) =>
    handle.events$.subscribe((event) => event.type === "agent.running" && resolve()),
  );
}
