import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acpAgent } from "../../src/agents/acp-agent.ts";
import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import { agentPlace, allOf, bearersOf, expectNoneLeft, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "../agents/real-clock.ts";
import { commandLine } from "../cli/invoke.ts";
import { start } from "../cli/real-process.ts";
import { chatDialect } from "./chat-dialect.ts";
import { geminiDialect } from "./gemini-dialect.ts";
import { installed } from "./installed.ts";
import { killAll } from "./kill-all.ts";
import { consolidatedMemory, type Memory, SAMPLES, writtenByShell } from "./memory.ts";
import { messagesDialect } from "./messages-dialect.ts";
import { type ModelServer, type Step, startModelServer } from "./model-server.ts";
import { responsesDialect } from "./responses-dialect.ts";
import { codexSettings } from "./scripted-codex.ts";

/** Real ACP agents from npm, in bubblewrap, with a scripted model on loopback. */
const PATH = process.env.PATH ?? "";
const HOME = process.env.HOME ?? "";
const room = await sandboxNamed("bubblewrap").probe("open");
if ("missing" in room) console.error(`\nNOT RUN: ${room.missing}\n`);

/** OpenCode asks for no list of models and no plugins: the tests need no network. */
const ENVIRONMENT: Record<string, string> = {
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  GEMINI_API_KEY: "scripted",
  ANTHROPIC_API_KEY: "scripted",
};

const home = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-acp-home-")));
let model: ModelServer;
let memory: Memory;

expectNoneLeft();

interface RealAgent {
  readonly preset: "opencode" | "codex-acp" | "gemini" | "claude";
  readonly npmPackage: string;
  readonly version: string;
  /** Its model's name, where it can be told one. */
  readonly model: string | null;
  /** Steps that write the memory into the workspace. */
  write(memory: Memory): readonly Step[];
  /** A step for which it asks permission, which must be refused. */
  readonly outside: Step;
  /** Whether the commands of its model have a network. */
  readonly network: "allowed" | "denied";
  /** What it says of a model that answers 429. */
  readonly limited: string;
  /** A variable without which it is not installed, and why. */
  readonly unless?: { readonly variable: string; readonly why: string };
}

/** An MCP server of the person, which an agent of ours must not start. */
const PERSONS_SERVER = `[mcp_servers.persons_own]
command = "false"
`;

const AGENTS: readonly RealAgent[] = [
  {
    preset: "opencode",
    npmPackage: "opencode-ai",
    version: "1.18.33",
    model: "scripted/scripted-model",
    write: ({ handbook, summary }) => [
      { tool: "write", input: { filePath: "MEMORY.md", content: handbook } },
      { tool: "write", input: { filePath: "memory_summary.md", content: summary } },
    ],
    outside: { tool: "write", input: { filePath: join(home, "planted"), content: "x" } },
    network: "allowed",
    limited: "scripted 429",
  },
  {
    preset: "codex-acp",
    npmPackage: "@agentclientprotocol/codex-acp",
    version: "2.6.0",
    model: null,
    write: (written) => [{ shell: writtenByShell(written) }],
    outside: {
      tool: "exec_command",
      input: { cmd: "echo x > planted", sandbox_permissions: "require_escalated", justification: "scripted" },
    },
    network: "denied",
    limited: "429",
  },
  {
    preset: "gemini",
    npmPackage: "@google/gemini-cli",
    version: "0.61.0",
    // Named: for "auto" it asks another model which to take.
    model: "gemini-2.5-pro",
    write: ({ handbook, summary }) => [
      { tool: "write_file", input: { file_path: "MEMORY.md", content: handbook } },
      { tool: "write_file", input: { file_path: "memory_summary.md", content: summary } },
    ],
    outside: { tool: "web_fetch", input: { prompt: "Read https://example.com" } },
    network: "allowed",
    limited: "429",
  },
  {
    preset: "claude",
    npmPackage: "@agentclientprotocol/claude-agent-acp",
    version: "0.101.0",
    model: null,
    write: ({ handbook, summary }) => [
      { tool: "Write", input: { file_path: "MEMORY.md", content: handbook } },
      { tool: "Write", input: { file_path: "memory_summary.md", content: summary } },
    ],
    outside: { tool: "WebFetch", input: { url: "https://example.com", prompt: "Read it" } },
    network: "allowed",
    limited: "429",
    unless: {
      variable: "SLOWWAVE_REAL_CLAUDE",
      why: "it brings a program of 0.6 GB under terms of its own",
    },
  },
];

beforeAll(async () => {
  model = await startModelServer(chatDialect, responsesDialect, geminiDialect, messagesDialect);
  mkdirSync(join(home, ".config", "opencode"), { recursive: true });
  mkdirSync(join(home, ".codex"));
  writeFileSync(join(home, ".config", "opencode", "opencode.json"), openCodeSettings(model.port));
  writeFileSync(join(home, ".codex", "config.toml"), `${codexSettings(model.port)}${PERSONS_SERVER}`);
  writeFileSync(join(home, "secret"), "planted secret");
  ENVIRONMENT.GOOGLE_GEMINI_BASE_URL = `http://127.0.0.1:${model.port}`;
  ENVIRONMENT.ANTHROPIC_BASE_URL = `http://127.0.0.1:${model.port}`;
  Object.assign(process.env, ENVIRONMENT, { HOME: home });
});

afterAll(async () => {
  for (const name of Object.keys(ENVIRONMENT)) delete process.env[name];
  Object.assign(process.env, { PATH, HOME });
  await model.close();
  rmSync(home, { recursive: true, force: true });
});

for (const agent of AGENTS) {
  const { preset, npmPackage, version } = agent;
  const commands = "missing" in room || !isWanted(agent) ? null : installed(npmPackage, version);
  const real = test.runIf(commands !== null);
  const args = ["--agent", preset, ...(agent.model === null ? [] : ["--model", agent.model])];
  const runner = () => acpAgent({ preset, newSecret: () => "only for this test" });
  const given = () => {
    const { spec } = agentPlace();
    return { ...spec, model: agent.model };
  };

  describe(`${preset} ${version}`, () => {
    beforeAll(() => {
      process.env.PATH = [commands, PATH].join(delimiter);
    });

    real("is found on PATH and tells its version", async () => {
      expect(await runner().probe?.()).toEqual({ sandbox: "bubblewrap", version });
    });

    real("consolidates the samples, and reaches nothing beside its workspace", async () => {
      const { slowwave, json, home: ours } = commandLine();
      memory ??= await consolidatedMemory();
      await slowwave("import", SAMPLES);
      model.play(...agent.write(memory), { shell: escapes(ours, model.port) }, agent.outside, {
        say: "consolidated",
      });
      const answer = await json("run", ...args);
      const printed = model.outputs().join("\n");
      expect(answer).toMatchObject({
        code: 0,
        value: {
          status: "succeeded",
          agent: { name: preset, status: "completed", sandbox: "bubblewrap" },
        },
      });
      expect(readFileSync(join(ours, "memories", "MEMORY.md"), "utf8")).toBe(memory.handbook);
      expect(printed).toContain("inside: allowed");
      for (const place of ["home", "secret", "store"]) expect(printed).toContain(`${place}: denied`);
      expect(printed).toContain(`network: ${agent.network}`);
      expect(existsSync(join(home, "planted"))).toBe(false);
      expect(existsSync(join(ours, "memories", "planted"))).toBe(false);
      const { stdout } = await slowwave("runs", "show", "last", "--transcript");
      expect(stdout).toMatch(/not allowed: /);
    });

    real(
      "a repair is taken in the same session; an interrupted turn ends at once, and nothing lives",
      async () => {
        const spec = given();
        model.play({ say: "first" });
        const handle = await runner().spawn(spec, realClock);
        expect(await firstFinal(handle.events$)).toEqual({ type: "agent.completed", message: "first" });
        model.play("hang");
        await handle.prompt("again");
        await model.hanging();
        await handle.interrupt();
        await handle.close();
        const finals = (await allOf(handle)).filter(({ type }) => /completed|errored|interrupted/.test(type));
        expect(finals.map(({ type }) => type)).toEqual(["agent.completed", "agent.interrupted"]);
        expect(bearersOf(spec.key)).toEqual([]);
      },
    );

    real("near a limit it is stopped in its turn and asked to finish, and does", async () => {
      const { slowwave, json } = commandLine();
      memory ??= await consolidatedMemory();
      await slowwave("import", SAMPLES);
      const steps = agent.write(memory);
      model.play(...steps, { shell: "sleep 5" }, { say: "consolidated" });
      const limit = ["--max-tool-calls", String(steps.length + 1)];
      expect(await json("run", ...args, ...limit)).toMatchObject({
        code: 0,
        value: { status: "succeeded", agent: { name: preset, status: "completed" } },
      });
      expect(model.lastRequest()).toContain("Little of this run's budget is left");
      const { stdout } = await slowwave("runs", "show", "last", "--transcript");
      expect(stdout).toMatch(/ are used \(maxToolCalls\); the agent is asked to finish/);
    });

    real("a model that answers 429 fails the turn with that as its cause", async () => {
      const spec = given();
      model.play({ status: 429 });
      const handle = await runner().spawn(spec, realClock);
      expect(await firstFinal(handle.events$)).toEqual({
        type: "agent.errored",
        message: expect.stringContaining(agent.limited),
      });
      await handle.close();
    });

    real(
      "a model that answers 500 again and again ends the run at the latest when its time is up",
      async () => {
        const { slowwave, json } = commandLine();
        await slowwave("import", SAMPLES);
        model.play({ status: 500 });
        const { value } = await json("run", ...args, "--max-silence-minutes", "0.1");
        expect(value).toMatchObject({
          outcome: "failed",
          status: expect.stringMatching(/^failed_(agent|budget)$/),
          agent: { name: preset },
        });
      },
    );

    real("a command still running when it is closed is gone, and writes no more", async () => {
      const spec = given();
      model.play({ shell: "echo $$ > started; sleep 30; echo late > late" });
      const handle = await runner().spawn(spec, realClock);
      await until(() => existsSync(join(spec.workspace, "started")));
      await handle.close();
      expect(bearersOf(spec.key)).toEqual([]);
      expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
    });

    real("kill -9 of the agent fails the turn and leaves nothing", async () => {
      const spec = given();
      model.play("hang");
      const handle = await runner().spawn(spec, realClock);
      await model.hanging();
      killAll(bearersOf(spec.key));
      expect(await firstFinal(handle.events$)).toEqual({
        type: "agent.errored",
        message: expect.stringMatching(/was ended by SIGKILL/),
      });
      await handle.close();
      expect(bearersOf(spec.key)).toEqual([]);
    });

    real("kill -9 of the engine: the next run ends what was left, starts again, and succeeds", async () => {
      const { slowwave, json, home: ours } = commandLine();
      memory ??= await consolidatedMemory();
      await slowwave("import", SAMPLES);
      model.play({ shell: "echo half > MEMORY.md" }, "hang");
      const env = { ...ENVIRONMENT, HOME: home, PATH: process.env.PATH ?? "" };
      const engine = start(["run", ...args, "--home", ours], { env });
      await model.hanging();
      engine.process.kill("SIGKILL");
      await engine.ended;
      model.play(...agent.write(memory), {
        say: "consolidated",
      });
      expect(await json("run", ...args)).toMatchObject({
        code: 0,
        value: { status: "succeeded", agent: { name: preset, status: "completed" } },
      });
      expect(readFileSync(join(ours, "memories", "MEMORY.md"), "utf8")).toBe(memory.handbook);
    });
  });
}

function isWanted({ preset, version, unless }: RealAgent): boolean {
  if (unless === undefined || process.env[unless.variable] === "1") return true;
  console.error(`\nNOT RUN: ${preset} ${version}: ${unless.why}; set ${unless.variable}=1 to try it.\n`);
  return false;
}

/** Looks now and then, without holding a core. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Coded: an agent that reads the command for paths is not what is tried here. */
function escapes(ours: string, port: number): string {
  const script = [
    ["inside", "echo x > tried && rm tried"],
    ["home", `echo x > '${home}/escaped'`],
    ["secret", `cat '${home}/secret'`],
    ["store", `cat '${ours}/slowwave.db'`],
    ["network", `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}'`],
  ]
    .map(
      ([name, attempt]) =>
        `if (${attempt}) >/dev/null 2>&1; then echo "${name}: allowed"; else echo "${name}: denied"; fi`,
    )
    .join("; ");
  return `echo ${Buffer.from(script).toString("base64")} | base64 -d | sh`;
}

function openCodeSettings(port: number): string {
  const models = { "scripted-model": { tool_call: true, limit: { context: 100_000, output: 8_000 } } };
  const options = { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "scripted" };
  return JSON.stringify({
    model: "scripted/scripted-model",
    small_model: "scripted/scripted-model",
    enabled_providers: ["scripted"],
    provider: { scripted: { npm: "@ai-sdk/openai-compatible", options, models } },
  });
}
