import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createMachine, initialTransition, transition } from "xstate";
import { dotted } from "../../src/engine/durable/transition.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { describeMachine } from "../../visualizer/layout/describe.ts";
import { statelySource } from "../../visualizer/layout/stately-source.ts";
import type { Step } from "../../visualizer/src/chart/walk.ts";
import { asTest } from "../../visualizer/src/share/copy-as-test.ts";
import { ANSWERS } from "../paths/alphabet.ts";
import { INPUT } from "../paths/graph.ts";

const FIRST_ANSWERS = [
  "claimJob",
  "configureAgent",
  "loadMemories",
  "syncSummaries",
  "syncRawMemories",
  "spawnAgent",
];

/** The log of a run whose agent says something nasty and fails. */
function failedRun(): readonly Step[] {
  const events = [
    ...FIRST_ANSWERS.map((actor) => ANSWERS[actor]?.[0]?.event as { type: string }),
    { type: "agent.running" },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a stranger might write
    { type: "agent.errored", why: 'said `${process.exit()}` */ "\u2028\u202e\u001b[2J' },
    { type: "xstate.done.actor.closeAgent", actorId: "closeAgent" },
    { type: "xstate.done.actor.recordFailure", output: "applied", actorId: "recordFailure" },
  ];
  let [snapshot] = initialTransition(phase2Machine, INPUT);
  const row = (sequence: number, type: string, data: unknown): Step => ({
    ...{ id: sequence + 1, run: "r", sequence, atMs: sequence, type, data, value: dotted(snapshot.value) },
  });
  const log = [row(0, "xstate.init", { type: "xstate.init", input: { ...INPUT, token: "a secret" } })];
  for (const [at, event] of events.entries()) {
    [snapshot] = transition(phase2Machine, snapshot, event as never);
    log.push(row(at + 1, event.type, event));
  }
  return log;
}

test("the copied test of a run runs, passes, and holds no token", async () => {
  const log = failedRun();
  const source = asTest({ id: "01k\n*/", status: "failed_agent", value: "failed" }, log) ?? "";
  expect(source).not.toContain("a secret");
  expect(source).not.toMatch(/[\u2028\u202e\u001b]/);
  expect(await passes(source)).toEqual({ passed: true });
});

test("the copied test fails when the machine would go another way", async () => {
  const log = failedRun().map((step) => (step.value === "failed" ? { ...step, value: "succeeded" } : step));
  const source = asTest({ id: "r", status: "failed_agent", value: "failed" }, log) ?? "";
  expect(await passes(source)).toEqual({ passed: false });
});

test("a log without its beginning makes no test", () => {
  expect(asTest({ id: "r", status: null, value: "failed" }, failedRun().slice(1))).toBe(null);
});

test("the copied source is one machine with the same states and transitions", () => {
  const source = statelySource(phase2Machine);
  const config = /createMachine\((\{[\s\S]*\})\);\n$/.exec(source)?.[1] ?? "";
  const copy = describeMachine(createMachine(JSON.parse(config)));
  const original = describeMachine(phase2Machine);
  expect(copy.root).toEqual(original.root);
  expect(copy.transitions).toEqual(original.transitions);
});

const ALIASES = { slowwave: "src/index.ts", xstate: "node_modules/xstate", vitest: "node_modules/vitest" };

/** Runs a test as its reader would, with the library where the package name says. */
async function passes(source: string): Promise<{ readonly passed: boolean }> {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-copied-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const alias = Object.fromEntries(Object.entries(ALIASES).map(([name, place]) => [name, resolve(place)]));
  await writeFile(join(folder, "copied.test.ts"), source);
  await writeFile(
    join(folder, "vitest.config.mjs"),
    `export default { resolve: { alias: ${JSON.stringify(alias)} } };\n`,
  );
  const vitest = resolve("node_modules/vitest/vitest.mjs");
  try {
    await promisify(execFile)(process.execPath, [vitest, "run", "--root", folder]);
    return { passed: true };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    if (!`${stdout}${stderr}`.includes("AssertionError")) throw error;
    return { passed: false };
  }
}
