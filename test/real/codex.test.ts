import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codexAgent } from "../../src/agents/codex-agent.ts";
import { agentPlace, allOf, bearersOf, expectNoneLeft, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { commandLine } from "../cli/invoke.ts";
import { start } from "../cli/real-process.ts";
import { killAll } from "./kill-all.ts";
import { consolidatedMemory, type Memory, SAMPLES, writtenByShell } from "./memory.ts";
import { CODEX_VERSION, scriptedCodex } from "./scripted-codex.ts";

/** The real Codex from npm, with a scripted model on loopback. */
const { commands, home, model } = scriptedCodex();
const real = test.runIf(commands !== null);
let memory: Memory;

expectNoneLeft();

real("Codex is found on PATH, tells its version, and its sandbox holds", async () => {
  expect(await codexAgent().probe?.()).toEqual({ sandbox: "codex", version: CODEX_VERSION });
});

real("Codex consolidates the samples: its shell writes the memory, and nothing beside it", async () => {
  const { slowwave, json, home: ours } = commandLine();
  memory ??= await consolidatedMemory();
  await slowwave("import", SAMPLES);
  model().play(
    { shell: writtenByShell(memory) },
    { shell: ESCAPES.replace("PORT", String(model().port)) },
    { say: "consolidated" },
  );
  const answer = await json("run", "--agent", "codex", "--model", "scripted-model");
  const printed = model().outputs().join("\n");
  expect(answer).toMatchObject({
    code: 0,
    value: {
      status: "succeeded",
      agent: {
        name: "codex",
        status: "completed",
        sandbox: "codex",
        turns: 1,
        tokens: { input: 300, output: 30 },
        estimated: false,
      },
    },
  });
  expect(readFileSync(join(ours, "memories", "MEMORY.md"), "utf8")).toBe(memory.handbook);
  expect(printed).toContain("beside: denied");
  expect(printed).toContain("home: denied");
  expect(printed).toContain("tmp: denied");
  expect(printed).toContain("tmpdir: denied");
  expect(printed).toContain("network: denied");
  expect(printed).toContain("inside: allowed");
  expect(printed).toContain("keys: 0");
  expect(printed).toMatch(/mark: \S+\/agent\/0/);
});

real.each([
  [429, "429"],
  [500, "internalServerError"],
])("a model that answers %i fails the run with that as its cause", async (status, cause) => {
  const { slowwave, json } = commandLine();
  await slowwave("import", SAMPLES);
  model().play({ status });
  expect(await json("run", "--agent", "codex", "--model", "scripted-model")).toMatchObject({
    code: 1,
    value: {
      status: "failed_agent",
      reason: { cause: expect.stringContaining(cause) },
      agent: { name: "codex", status: "errored" },
    },
  });
});

real(
  "an interrupted turn ends, a repair turn is taken in the same thread, and a command may go on in neither",
  async () => {
    const { spec } = agentPlace();
    model().play({ say: "first" });
    const given = { ...spec, model: "scripted-model" };
    const handle = await codexAgent().spawn(given, realClock);
    expect(await firstFinal(handle.events$)).toEqual({ type: "agent.completed", message: "first" });
    model().play("hang");
    await handle.prompt("again");
    await model().hanging();
    await handle.interrupt();
    await handle.close();
    const finals = (await allOf(handle)).filter(({ type }) => /completed|errored|interrupted/.test(type));
    expect(finals.map(({ type }) => type)).toEqual(["agent.completed", "agent.interrupted"]);
    expect(bearersOf(spec.key)).toEqual([]);
  },
);

real("a command left in the background does not write after the turn's end", async () => {
  const { spec } = agentPlace();
  // Still running when Codex is told that the command yields, and when the turn ends.
  const ticks = "while true; do date +%N > tick; sleep 0.01; done";
  const seen = "until [ -s tick ]; do sleep 0.1; done; echo seen";
  model().play({ shell: ticks, yieldMs: 1_000 }, { shell: seen }, { say: "done" });
  const handle = await codexAgent().spawn({ ...spec, model: "scripted-model" }, realClock);
  expect(await firstFinal(handle.events$)).toMatchObject({ type: "agent.completed" });
  expect(model().outputs().at(-1)).toContain("seen");
  writeFileSync(join(spec.workspace, "tick"), "mine");
  // A start of another Codex is time enough for many writes.
  await codexAgent().probe?.();
  expect(readFileSync(join(spec.workspace, "tick"), "utf8")).toBe("mine");
  await handle.close();
});

real("Codex near a limit is asked in its turn to finish, and past it is ended with exit 5", async () => {
  const { slowwave, json } = commandLine();
  memory ??= await consolidatedMemory();
  await slowwave("import", SAMPLES);
  // The last command takes a moment, in which Codex is told.
  const write = `${writtenByShell(memory)}\nsleep 2`;
  model().play({ shell: "true" }, { shell: "true" }, { shell: write }, { say: "consolidated" });
  const words = ["run", "--agent", "codex", "--model", "scripted-model", "--max-tool-calls"];
  expect(await json(...words, "3")).toMatchObject({
    code: 0,
    value: {
      status: "succeeded",
      budget: expect.arrayContaining([expect.objectContaining({ name: "toolCalls", used: 3, limit: 3 })]),
    },
  });
  expect(model().lastRequest()).toContain(
    "Little of this run's budget is left: 3 of 3 tool calls are used (maxToolCalls).",
  );
  const { stdout } = await slowwave("runs", "show", "last", "--transcript");
  expect(stdout).toContain("3 of 3 tool calls are used (maxToolCalls); the agent is asked to finish");

  model().play({ shell: "true" });
  const other = commandLine();
  await other.slowwave("import", SAMPLES);
  expect(await other.json(...words, "2")).toMatchObject({
    code: 5,
    value: {
      status: "failed_budget",
      reason: { cause: "the agent made 3 tool calls, 2 are allowed (maxToolCalls)" },
    },
  });
});

real("kill -9 of Codex fails the turn and leaves nothing", async () => {
  const { spec } = agentPlace();
  model().play("hang");
  const handle = await codexAgent().spawn({ ...spec, model: "scripted-model" }, realClock);
  await model().hanging();
  killAll(bearersOf(spec.key));
  expect(await firstFinal(handle.events$)).toEqual({
    type: "agent.errored",
    message: expect.stringMatching(/^Codex was ended by SIGKILL/),
  });
  await handle.close();
  expect(bearersOf(spec.key)).toEqual([]);
});

real(
  "kill -9 of the engine: the next run ends what was left, starts again from the inputs, and succeeds",
  async () => {
    const { slowwave, json, home: ours } = commandLine();
    memory ??= await consolidatedMemory();
    await slowwave("import", SAMPLES);
    model().play("hang");
    const words = ["run", "--agent", "codex", "--model", "scripted-model", "--home", ours];
    const env = { CODEX_HOME: home, PATH: process.env.PATH ?? "" };
    const engine = start(words, { env });
    await model().hanging();
    engine.process.kill("SIGKILL");
    await engine.ended;
    model().play({ shell: writtenByShell(memory) }, { say: "consolidated" });
    expect(await json("run", "--agent", "codex", "--model", "scripted-model")).toMatchObject({
      code: 0,
      value: { status: "succeeded", agent: { name: "codex", status: "completed" } },
    });
    expect(readFileSync(join(ours, "memories", "MEMORY.md"), "utf8")).toBe(memory.handbook);
  },
);

const ESCAPES = [
  ["beside", "echo x > ../escaped"],
  ["home", 'echo x > "$HOME/slowwave-escaped"'],
  ["tmp", "echo x > /tmp/slowwave-escaped"],
  ["tmpdir", 'echo x > "$TMPDIR/slowwave-escaped"'],
  ["inside", "echo x > tried && rm tried"],
  ["network", "bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT'"],
]
  .map(
    ([name, attempt]) =>
      `if (${attempt}) 2>/dev/null; then echo "${name}: allowed"; else echo "${name}: denied"; fi`,
  )
  .concat('echo "keys: $(env | grep -c OPENAI_API_KEY)"', 'echo "mark: $SLOWWAVE_RUN"')
  .join("; ");
