import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { createOutput } from "../../src/cli/ui/output.ts";
import { here } from "../sandbox/here.ts";
import { commandLine, line, signals, temporaryFolder } from "./invoke.ts";

const two = [
  `${line({ thread_id: "a" })}\n${line({ thread_id: "b", source_updated_at: "2026-09-03T10:00:00Z" })}\n`,
];

describe("import, run and look", () => {
  test("the first import makes a private home and says so", async () => {
    const { slowwave, home } = commandLine({ stdin: two });
    const answer = await slowwave("import", "-");
    expect(answer).toEqual({
      code: 0,
      stdout: "2 imported, 0 updated, 0 unchanged\n",
      stderr: `Made the home ${home}\n`,
    });
    expect(statSync(home).mode & 0o777).toBe(0o700);
  });

  test("import tells what was new, newer and known", async () => {
    const { json } = commandLine({ stdin: two });
    const again = commandLine({
      stdin: [
        line({ thread_id: "a", source_updated_at: "2026-10-01T00:00:00Z" }),
        "\n",
        line({ thread_id: "b" }),
      ],
    });
    expect(await json("import", "-")).toEqual({
      code: 0,
      value: { imported: 2, updated: 0, unchanged: 0, forgotten: 0, rejected: [], redacted: 0 },
    });
    await again.slowwave("import", "-");
    expect(await json("import", "-")).toMatchObject({ value: { imported: 0, updated: 0, unchanged: 2 } });
  });

  test("a run publishes, a second one has nothing to do", async () => {
    // With the real agent in its own process.
    const { json, slowwave, home } = commandLine({ stdin: two, agents: {} });
    await slowwave("import", "-");
    const first = await json("run");
    expect(first).toMatchObject({
      code: 0,
      value: {
        space: "global",
        outcome: "succeeded",
        status: "succeeded",
        reason: null,
        inputs: 2,
        claimedWatermark: 1_788_429_600,
        completionWatermark: 1_788_429_600,
        agent: { name: "extractive", status: "completed", turns: 1 },
        findings: [],
      },
    });
    expect(readFileSync(join(home, "memories", "memory_summary.md"), "utf8")).toMatch(/^v1\n/);
    expect(await json("run")).toMatchObject({
      code: 0,
      value: { outcome: "skipped", status: "skipped_not_dirty", generation: null, agent: null },
    });
    expect((await slowwave("run", "--strict")).code).toBe(3);
  });

  test("the last line names outcome and status, and what changed stands above", async () => {
    const { slowwave, home } = commandLine({ stdin: two, agents: {} });
    await slowwave("import", "-");
    const { stdout, stderr } = await slowwave("run");
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^ {2}consolidated 2 stage-1 outputs in /),
      `  memory       ${join(home, "memories")}`,
      "  changed      5 added files",
      "succeeded · succeeded · phase 2 complete",
      "",
    ]);
    expect(stderr.split("\n").slice(1, 10)).toEqual(
      [
        "Claim the job",
        "Configure the agent",
        "Load stage-1 outputs",
        "Write rollout summaries",
        "Write raw memories",
        "Start the agent",
        "Agent at work",
      ]
        .map((step) => `  ${step}`)
        .concat([expect.any(String), expect.any(String)]),
    );
  });

  test("spaces don't see each other, and a memory root may be anywhere", async () => {
    const { json, slowwave, home } = commandLine({ stdin: two });
    const root = join(home, "..", "elsewhere");
    await slowwave("import", "-", "--space", "a/b");
    expect(await json("run")).toMatchObject({ value: { status: "skipped_not_dirty" } });
    expect(await json("run", "--space", "a/b", "--memory-root", root)).toMatchObject({
      value: { status: "succeeded" },
    });
    expect(existsSync(join(root, "MEMORY.md"))).toBe(true);
  });

  test("status says how things stand, before, between and after", async () => {
    const { json, slowwave } = commandLine({ stdin: two });
    expect(await json("status")).toMatchObject({
      code: 0,
      value: {
        space: "global",
        job: null,
        owner: null,
        leaseSecondsLeft: null,
        backlog: 0,
        lastSuccess: null,
        runs: [],
      },
    });
    await slowwave("import", "-");
    expect(await json("status")).toMatchObject({
      value: {
        job: { kind: "memory_consolidate_global", status: "pending", input_watermark: 1_788_429_600 },
        backlog: 2,
        advice: "2 stage-1 outputs wait for consolidation; `slowwave run` does it now.",
      },
    });
    await slowwave("run");
    expect(await json("status")).toMatchObject({
      value: {
        job: { status: "done" },
        backlog: 0,
        outputs: 2,
        lastSuccess: { outcome: "succeeded", inputs: 2 },
        runs: [{ status: "succeeded" }],
        advice: "Up to date; new stage-1 outputs will make it due.",
      },
    });
  });

  test("a purged thread is counted by `status` until `import --remember` takes it again", async () => {
    const folder = temporaryFolder();
    const { json, slowwave } = commandLine({ stdin: two }, folder);
    await slowwave("import", "-");
    expect(await json("status")).toMatchObject({ value: { forgotten: 0, outputs: 2 } });
    expect((await slowwave("purge", "a", "--yes")).code).toBe(0);
    expect(await json("status")).toMatchObject({ value: { forgotten: 1, outputs: 1 } });
    expect((await slowwave("status")).stdout).toContain(
      "forgotten     1 purged thread; `slowwave import --remember ID` takes one again",
    );
    const again = commandLine({ stdin: two }, folder);
    expect(await again.json("import", "-")).toMatchObject({ value: { imported: 0, forgotten: 1 } });
    expect(await json("import", "--remember", "a")).toEqual({ code: 0, value: { remembered: 1 } });
    const last = commandLine({ stdin: two }, folder);
    expect(await last.json("import", "-")).toMatchObject({ value: { imported: 1, forgotten: 0 } });
    expect(await json("status")).toMatchObject({ value: { forgotten: 0, outputs: 2 } });
  });

  test("looking makes nothing", async () => {
    const { slowwave, home } = commandLine();
    for (const argv of [["status"], ["runs"], ["doctor"], ["recover"], ["machine"]]) {
      expect((await slowwave(...argv)).code).toBe(0);
    }
    expect(existsSync(home)).toBe(false);
  });

  test("runs are listed newest first, and shown by id, by a beginning of it, or as last", async () => {
    const { json, slowwave } = commandLine({ stdin: two });
    await slowwave("import", "-");
    const first = (await json("run")).value as { run: string; states: unknown };
    const second = (await json("run")).value as { run: string };
    expect(await json("runs")).toMatchObject({
      value: {
        runs: [
          { run: second.run, status: "skipped_not_dirty" },
          { run: first.run, status: "succeeded" },
        ],
      },
    });
    expect(await json("runs", "--last", "1")).toMatchObject({ value: { runs: [{ run: second.run }] } });
    expect(await json("runs", "show", "last")).toMatchObject({ value: { run: second.run } });
    expect(await json("runs", "show", first.run, "--transcript")).toMatchObject({
      value: {
        run: first.run,
        states: first.states,
        heartbeats: { count: 1 },
        result: first,
        transcript: expect.arrayContaining([expect.objectContaining({ type: "agent.message" })]),
      },
    });
    const shared = [...first.run].findIndex((letter, at) => letter !== second.run[at]);
    expect(await json("runs", "show", first.run.slice(0, shared + 1))).toMatchObject({
      value: { run: first.run },
    });
    expect(await json("runs", "show", first.run.slice(0, shared))).toMatchObject({
      code: 2,
      value: { error: { code: "ambiguous_run" } },
    });
    const shown = await slowwave("runs", "show", first.run);
    expect(shown.stdout).toContain("  supervising ");
    expect(shown.stdout).toContain("  + MEMORY.md\n");
  });

  test("cancelling what is over is no failure, and cancelling what is unknown is", async () => {
    const { json, slowwave } = commandLine({ stdin: two });
    expect(await json("cancel", "last")).toMatchObject({
      code: 2,
      value: { error: { code: "unknown_run" } },
    });
    await slowwave("import", "-");
    const { run } = (await json("run")).value as { run: string };
    expect(await json("cancel", run)).toEqual({ code: 0, value: { run, answer: "over" } });
  });

  test("doctor finds nothing wrong with a home that works, and everything named has a verdict", async () => {
    const { json, slowwave } = commandLine({ stdin: two });
    await slowwave("import", "-");
    await slowwave("run");
    const { code, value } = await json("doctor");
    const { checks } = value as { checks: { name: string; verdict: string }[] };
    expect(code).toBe(0);
    expect(checks.map(({ name, verdict }) => [name, verdict])).toEqual(
      [
        "node",
        "home",
        "store",
        "inputs",
        "lease",
        "runs",
        "clock",
        "memory root",
        "generations",
        "sandbox",
        "agent",
        "staging",
        "owners",
      ].map((name) => [name, name === "sandbox" && !here ? "warn" : "ok"]),
    );
  });

  test("doctor says what is wrong and what mends it", async () => {
    const { json, slowwave, home } = commandLine({ stdin: two });
    await slowwave("import", "-");
    const root = join(home, "..", "a-file");
    writeFileSync(root, "");
    const { code, value } = await json("doctor", "--memory-root", root);
    const { checks } = value as { checks: { name: string }[] };
    expect(code).toBe(1);
    expect(checks.find(({ name }) => name === "memory root")).toMatchObject({ verdict: "fail" });
    writeFileSync(
      join(home, "slowwave.db"),
      "not a database at all, but long enough to be looked at".repeat(20),
    );
    expect(await json("doctor")).toMatchObject({ code: 1 });
  });

  test("the statechart is printed as data and as a picture", async () => {
    const { json, slowwave } = commandLine();
    expect(await json("machine")).toMatchObject({
      code: 0,
      value: { id: "phase2", states: { claiming: {} } },
    });
    const { stdout } = await slowwave("machine", "--format", "mermaid");
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining([
        "stateDiagram-v2",
        "  [*] --> claiming",
        "  succeeded --> [*]",
        "  claiming --> configuring : done claimJob [isClaimed]",
        "  supervising --> verifying : agent.completed",
      ]),
    );
    expect((await slowwave("machine", "--format", "scxml")).stdout).toContain('<state id="phase2.claiming">');
    expect((await slowwave("machine", "--format", "stately")).stdout).toContain(
      "export const phase2Machine = setup(",
    );
    expect(await json("machine", "--format", "png")).toMatchObject({
      code: 2,
      value: { error: { code: "unknown_format" } },
    });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 143],
  ] as const)("%s cancels the run and releases the job; then the exit code is %i", async (signal, code) => {
    const { onSignal, send } = signals();
    const onStderr = (text: string) => text.includes("Agent at work") && send(signal);
    const { slowwave, json, home } = commandLine({ stdin: two, onSignal, onStderr });
    await slowwave("import", "-");
    expect(await json("run")).toMatchObject({ code, value: { outcome: "cancelled", status: "cancelled" } });
    expect(await json("status")).toMatchObject({
      value: {
        job: { status: "pending", worker_id: null, lease_until: null, last_error: "cancelled" },
        unfinished: null,
      },
    });
    expect(readdirSync(join(home, "staging"))).toEqual([]);
  });

  test("a second signal leaves at once", async () => {
    const { onSignal, send } = signals();
    const onStderr = (text: string) => {
      if (!text.includes("Agent at work")) return;
      send("SIGINT");
      send("SIGINT");
    };
    let leave: (code: number) => void = () => {};
    const left = new Promise<number>((resolve) => {
      leave = resolve;
    });
    const { slowwave } = commandLine({ stdin: two, onSignal, onStderr, exit: (code) => leave(code) });
    await slowwave("import", "-");
    // The run may end by the first signal while the second one is still closing what it has to.
    const [code] = await Promise.all([left, slowwave("run")]);
    expect(code).toBe(130);
  });
});

describe("help", () => {
  const commands = [
    [],
    ["run"],
    ["import"],
    ["status"],
    ["runs"],
    ["runs", "show"],
    ["cancel"],
    ["recover"],
    ["doctor"],
    ["watch"],
    ["serve"],
    ["machine"],
  ];

  test.each(commands.map((words) => [words.join(" ") || "slowwave", words] as const))(
    "of %s has an example",
    async (_, words) => {
      const { code, stdout } = await commandLine().slowwave(...words, "--help");
      expect(code).toBe(0);
      expect(stdout).toMatch(/Usage: slowwave/);
      expect(stdout).toMatch(/Examples:\n {2}\$ slowwave /);
      expect(stdout).toContain("--home <dir>");
    },
  );

  test("comes where nothing is asked, and the version where that is", async () => {
    const { slowwave } = commandLine();
    expect((await slowwave()).stdout).toMatch(/^Usage: slowwave/);
    expect((await slowwave("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("progress", () => {
  test("in a terminal is one moving block; elsewhere lines", async () => {
    const { slowwave } = commandLine({ stdin: two, columns: 100 });
    await slowwave("import", "-");
    const { stderr } = await slowwave("run");
    expect(stderr).toMatch(/Agent at work .*\u001b\[2K.*Check its result/s);
  });

  test.each([
    [{}, true],
    [{ CI: "false", NO_COLOR: "" }, true],
    [{ CI: "true" }, false],
    [{ NO_COLOR: "1" }, false],
    [{ TERM: "dumb" }, false],
  ])("a terminal with %o moves: %s", (env, isLive) => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    expect(createOutput({ stdout: new PassThrough(), stderr, env }).isLive).toBe(isLive);
    expect(createOutput({ stdout: new PassThrough(), stderr: new PassThrough(), env }).isLive).toBe(false);
  });
});
