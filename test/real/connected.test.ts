import { execFile } from "node:child_process";
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
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandLine, line } from "../cli/invoke.ts";
import { chatDialect } from "./chat-dialect.ts";
import { geminiDialect } from "./gemini-dialect.ts";
import { installed } from "./installed.ts";
import { messagesDialect } from "./messages-dialect.ts";
import { type ModelServer, startModelServer } from "./model-server.ts";
import { responsesDialect } from "./responses-dialect.ts";
import { codexSettings } from "./scripted-codex.ts";

/**
 * Whether what `slowwave connect` writes reaches the model: each real agent is asked one question, and the memory's canary
 * is looked for in the request that it sends. Goes red when an agent changes where it reads.
 */
const CANARY = "zebra4711";

let model: ModelServer;
/** The user's folder, which is the home of all agents. */
const user = realpathSync(mkdtempSync(join(tmpdir(), "slowwave-connected-")));
const here = commandLine({}, user);
const project = join(user, "work", CANARY);

interface RealAgent {
  readonly name: "codex" | "gemini" | "opencode" | "claude";
  readonly npmPackage: string;
  readonly version: string;
  readonly program: string;
  readonly words: readonly string[];
  readonly ways: readonly string[];
  readonly env: (port: number) => Readonly<Record<string, string>>;
  readonly settings: (port: number) => readonly (readonly [path: string, text: string])[];
}

const AGENTS: readonly RealAgent[] = [
  {
    name: "codex",
    npmPackage: "@openai/codex",
    version: "0.169.0",
    program: "codex",
    words: ["exec", "--skip-git-repo-check", "Say hello."],
    ways: ["skill", "block"],
    env: () => ({}),
    settings: (port) => [[".codex/config.toml", codexSettings(port)]],
  },
  {
    name: "gemini",
    npmPackage: "@google/gemini-cli",
    version: "0.61.0",
    program: "gemini",
    words: ["-m", "gemini-2.5-pro", "-p", "Say hello.", "--approval-mode", "yolo"],
    ways: ["file", "skill", "block", "hook", "mcp"],
    env: (port) => ({
      GEMINI_API_KEY: "scripted",
      GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${port}`,
      GEMINI_CLI_TRUST_WORKSPACE: "true",
      GEMINI_CLI_NO_RELAUNCH: "true",
    }),
    settings: () => [
      [".gemini/settings.json", '{\n  "security": { "auth": { "selectedType": "gemini-api-key" } }\n}\n'],
    ],
  },
  {
    name: "opencode",
    npmPackage: "opencode-ai",
    version: "1.18.33",
    program: "opencode",
    words: ["run", "Say hello."],
    ways: ["file", "skill", "block", "mcp"],
    env: () => ({ OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_DEFAULT_PLUGINS: "1" }),
    settings: (port) => [[".config/opencode/opencode.json", openCodeSettings(port)]],
  },
  {
    name: "claude",
    npmPackage: "@anthropic-ai/claude-code",
    version: "2.1.328",
    program: "claude",
    words: ["-p", "Say hello."],
    ways: ["file", "skill", "block", "hook", "mcp"],
    env: (port) => ({
      ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
      ANTHROPIC_API_KEY: "scripted",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    }),
    settings: () => [[".claude/settings.json", "{}"]],
  },
];

beforeAll(async () => {
  model = await startModelServer(chatDialect, responsesDialect, geminiDialect, messagesDialect);
  mkdirSync(project, { recursive: true });
  const note = line({
    cwd: project,
    raw_memory: `### Task 1: Feed the animals\n\nReusable knowledge:\n- The stable of ${CANARY} opens at six.\n`,
  });
  await commandLine({ stdin: [note] }, user).slowwave("import", "-");
  await here.slowwave("run");
});

afterAll(async () => {
  await model.close();
  rmSync(user, { recursive: true, force: true });
});

for (const agent of AGENTS) {
  const { name, npmPackage, version } = agent;
  const commands = isWanted(agent) ? installed(npmPackage, version) : null;
  const real = test.runIf(commands !== null);

  /** What the agent sends to its model for one question, in a folder beside the project unless the way is by folder. */
  const requestOf = async (how: string) => {
    const cwd = how === "hook" || how === "mcp" ? join(project, "src") : join(user, "elsewhere");
    mkdirSync(cwd, { recursive: true });
    model.play({ say: "hello" });
    const env = {
      PATH: [commands, dirname(process.execPath), process.env.PATH].join(delimiter),
      HOME: user,
      NO_PROXY: "127.0.0.1,localhost",
      ...agent.env(model.port),
    };
    const output = await new Promise<string>((done) => {
      const options = { cwd, env, timeout: 150_000, maxBuffer: 64 * 1024 ** 2 };
      const child = execFile(agent.program, [...agent.words], options, (_, stdout, stderr) =>
        done(stdout + stderr),
      );
      child.stdin?.end();
    });
    const request = model.lastRequest();
    if (!request.includes("Say hello.")) throw new Error(`${name} asked nothing: ${output.slice(-2_000)}`);
    return request;
  };

  describe(`${name} ${version}`, () => {
    beforeAll(() => {
      for (const [path, text] of agent.settings(model.port)) {
        mkdirSync(dirname(join(user, path)), { recursive: true });
        if (!existsSync(join(user, path))) writeFileSync(join(user, path), text);
      }
    });

    for (const how of agent.ways) {
      real(
        `by ${how}: the memory is in what it sends, and after disconnecting neither it nor a byte of ours`,
        async () => {
          const printed = await here.json("connect", name, "--how", how, "--print");
          const paths = (printed.value as { targets: { path: string }[] }).targets.map(({ path }) => path);
          const bytes = () => paths.map((path) => (existsSync(path) ? readFileSync(path, "latin1") : null));
          const before = bytes();
          expect((await here.slowwave("connect", name, "--how", how)).code).toBe(0);
          const mark = how === "skill" ? `work/${CANARY}` : `The stable of ${CANARY} opens at six.`;
          expect([how, (await requestOf(how)).includes(mark)]).toEqual([how, true]);
          expect((await here.slowwave("disconnect", name)).code).toBe(0);
          expect(bytes()).toEqual(before);
          expect((await requestOf(how)).includes(mark)).toBe(false);
        },
      );
    }
  });
}

function isWanted({ name, version }: RealAgent): boolean {
  if (name !== "claude" || process.env.SLOWWAVE_REAL_CLAUDE === "1") return true;
  console.error(
    `\nNOT RUN: ${name} ${version}: it comes under terms of its own; set SLOWWAVE_REAL_CLAUDE=1 to try it.\n`,
  );
  return false;
}

function openCodeSettings(port: number): string {
  const models = { "scripted-model": { tool_call: true, limit: { context: 100_000, output: 8_000 } } };
  const options = { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "scripted" };
  return JSON.stringify({
    // It adds this line itself where it is missing.
    $schema: "https://opencode.ai/config.json",
    model: "scripted/scripted-model",
    small_model: "scripted/scripted-model",
    enabled_providers: ["scripted"],
    provider: { scripted: { npm: "@ai-sdk/openai-compatible", options, models } },
  });
}
