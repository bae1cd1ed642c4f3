import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { initialTransition, transition } from "xstate";
import { dotted } from "../../src/durable/transition.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
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

test("the copied test of a run passes, and fails when the machine would go another way; neither holds a token", async () => {
  const log = failedRun();
  const run = { id: "01k\n*/", status: "failed_agent", value: "failed", machine: "phase2" } as const;
  const right = asTest(run, log) ?? "";
  const wrong =
    asTest(
      run,
      log.map((step) => (step.value === "failed" ? { ...step, value: "succeeded" } : step)),
    ) ?? "";
  for (const source of [right, wrong]) {
    expect(source).not.toContain("a secret");
    expect(source).not.toMatch(/[\u2028\u202e\u001b]/);
  }
  expect(await outcomes({ right, wrong })).toEqual({ right: "passed", wrong: "failed" });
});

test("a log without its beginning makes no test", () => {
  expect(asTest({ id: "r", status: null, value: "failed", machine: "phase2" }, failedRun().slice(1))).toBe(
    null,
  );
});

const ALIASES = { slowwave: "src/index.ts", xstate: "node_modules/xstate", vitest: "node_modules/vitest" };

/** Runs tests as their reader would, with the library where the package name says. */
async function outcomes(
  sources: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-copied-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const alias = Object.fromEntries(Object.entries(ALIASES).map(([name, place]) => [name, resolve(place)]));
  const config = `export default { resolve: { alias: ${JSON.stringify(alias)} } };\n`;
  await writeFile(join(folder, "vitest.config.mjs"), config);
  for (const [name, source] of Object.entries(sources))
    await writeFile(join(folder, `${name}.test.ts`), source);
  const told = join(folder, "told.json");
  const vitest = resolve("node_modules/vitest/vitest.mjs");
  const run = [vitest, "run", "--root", folder, "--no-isolate", "--reporter=json", "--outputFile", told];
  // It ends with 1 where a test fails, as one of these should.
  await promisify(execFile)(process.execPath, run).catch(() => {});
  const { testResults } = JSON.parse(await readFile(told, "utf8")) as {
    testResults: readonly { name: string; assertionResults: readonly { status: string }[] }[];
  };
  return Object.fromEntries(
    testResults.map(({ name, assertionResults }) => [
      basename(name, ".test.ts"),
      assertionResults.map(({ status }) => status).join(),
    ]),
  );
}
