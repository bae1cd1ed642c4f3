import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import { acpProgram } from "../agents/scripted-acp.ts";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";
import { processesOf, start } from "../cli/real-process.ts";
import { consolidatedMemory, SAMPLES } from "../real/memory.ts";

const PATH = process.env.PATH ?? "";
const room = await sandboxNamed("bubblewrap").probe("open");
if ("missing" in room) console.error(`\nNOT RUN in bubblewrap: ${room.missing}\n`);
const sandboxes = "missing" in room ? (["none"] as const) : (["none", "bubblewrap"] as const);

afterEach(() => {
  process.env.PATH = PATH;
});

/** A command line with one memory to consolidate. */
async function withMemory(env: Readonly<Record<string, string>> = {}) {
  const made = commandLine({ stdin: [`${line()}\n`], env });
  await made.slowwave("import", "-");
  return made;
}

test("any program that speaks ACP is an agent: named after two dashes, in the sandbox that was chosen", async () => {
  const { json } = await withMemory();
  const answer = await json(
    ...["run", "--agent", "acp", "--sandbox", "none", "--model", "large", "--"],
    ...acpProgram("failing"),
  );
  expect(answer).toMatchObject({
    code: 1,
    value: {
      status: "failed_agent",
      reason: { cause: expect.stringContaining("Internal error: the model answered 429 (APIError)") },
      agent: { name: "acp", threadId: "session-1", sandbox: "none", network: "open", turns: 1 },
    },
  });
});

test.each(sandboxes)(
  "a memory that the gate accepts after a repair turn is published (sandbox %s)",
  async (sandbox) => {
    const { json, slowwave, home } = commandLine();
    const memory = await consolidatedMemory();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "MEMORY.md"), memory.handbook);
    writeFileSync(join(folder, "memory_summary.md"), memory.summary);
    await slowwave("import", SAMPLES);
    const program = [...acpProgram("consolidates in two turns"), folder];
    const answer = await json("run", "--agent", "acp", "--sandbox", sandbox, "--", ...program);
    expect(answer).toMatchObject({
      code: 0,
      value: {
        status: "succeeded",
        agent: { name: "acp", status: "completed", sandbox, turns: 2, tokens: { input: 200, output: 20 } },
        findings: expect.arrayContaining([expect.objectContaining({ code: "missing_file" })]),
      },
    });
    expect(readFileSync(join(home, "memories", "MEMORY.md"), "utf8")).toBe(memory.handbook);
    const { stdout } = await slowwave("runs", "show", "last", "--transcript");
    expect(stdout).toContain("edit Write memory_summary.md");
  },
);

test("its program may be named by the settings, too", async () => {
  const { json } = await withMemory({
    SLOWWAVE_AGENT: "acp",
    SLOWWAVE_AGENT_COMMAND: JSON.stringify(acpProgram("refuses the task")),
    SLOWWAVE_SANDBOX: "none",
  });
  expect(await json("run")).toMatchObject({
    value: {
      status: "failed_agent",
      reason: { cause: expect.stringContaining("The agent refused the task") },
    },
  });
  const wrong = commandLine({ env: { SLOWWAVE_AGENT_COMMAND: "my-agent" } });
  expect(await wrong.json("run")).toMatchObject({
    code: 2,
    value: { error: { code: "invalid_settings", message: expect.stringContaining('such as ["my-agent"') } },
  });
});

test("where there is no bubblewrap, nothing is started, and the sentence says what to install", async () => {
  const { json } = await withMemory();
  process.env.PATH = temporaryFolder();
  expect(await json("run", "--agent", "acp", "--", ...acpProgram("good"))).toMatchObject({
    code: 1,
    value: {
      status: "failed_sandbox_policy",
      reason: { cause: expect.stringMatching(/bubblewrap is not here.*apt install bubblewrap/) },
      agent: null,
    },
  });
});

test("agents knows the presets, with the version of the package that is on PATH", async () => {
  const folder = temporaryFolder();
  const home = join(folder, "node_modules", "opencode-ai");
  mkdirSync(join(home, "bin"), { recursive: true });
  writeFileSync(join(home, "package.json"), '{"name":"opencode-ai","version":"9.8.7"}');
  writeFileSync(join(home, "bin", "opencode"), "#!/bin/sh\n");
  chmodSync(join(home, "bin", "opencode"), 0o755);
  symlinkSync(join(home, "bin", "opencode"), join(folder, "opencode"));
  process.env.PATH = [folder, dirname("/usr/bin/env")].join(delimiter);
  const { value } = await commandLine().json("agents");
  const { agents } = value as { readonly agents: readonly { readonly name: string }[] };
  expect(agents.map(({ name }) => name)).toEqual([
    ...["extractive", "codex", "claude", "gemini", "opencode", "codex-acp", "acp"],
  ]);
  const shared = { network: "open", usesModel: true, repairs: true };
  expect(agents.find(({ name }) => name === "opencode")).toMatchObject({
    ...shared,
    version: expect.any(String),
  });
  expect(agents.find(({ name }) => name === "claude")).toMatchObject({
    ...shared,
    here: false,
    missing: expect.stringMatching(/^Claude Code is not here: .*`npm install -g @agentclientprotocol/),
  });
});

test("kill -9 of the engine: what was left is ended, and the next attempt finds a workspace laid anew", async () => {
  const { json, home } = await withMemory();
  onTestFinished(() => {
    for (const left of processesOf(home)) throw new Error(`left behind: ${left}`);
  });
  const words = ["run", "--home", home, "--agent", "acp", "--sandbox", "none", "--"];
  const engine = start([...words, ...acpProgram("leaves half a file and hangs")]);
  const staging = join(home, "staging");
  const halves = () =>
    readdirSync(staging).filter((run) => existsSync(join(staging, run, "workspace", "half.md")));
  await until(() => existsSync(staging) && halves().length === 1);
  engine.process.kill("SIGKILL");
  await engine.ended;
  const next = await json(
    "run",
    "--agent",
    "acp",
    "--sandbox",
    "none",
    "--json",
    "--",
    ...acpProgram("tells what it finds"),
  );
  expect(next).toMatchObject({ code: 1, value: { status: "failed_agent", agent: { name: "acp" } } });
  const { cause } = (next.value as { readonly reason: { readonly cause: string } }).reason;
  expect(cause).toContain("found raw_memories.md rollout_summaries");
  expect(cause).not.toContain("half.md");
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
