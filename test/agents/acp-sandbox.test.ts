import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "smol-toml";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { namedProgram, prepareHome } from "../../src/agents/acp/command.ts";
import { liesInside } from "../../src/agents/acp/permission.ts";
import { ACP_PRESETS } from "../../src/agents/acp/presets.ts";
import { acpAgent } from "../../src/agents/acp-agent.ts";
import { agentPlace } from "../../src/testing/agents.ts";
import { temporaryFolder } from "../cli/invoke.ts";
import { realClock } from "./real-clock.ts";

describe("an agent's private home holds what its preset names, and nothing else of the person's", () => {
  let person: string;
  let home: string;

  beforeEach(() => {
    person = temporaryFolder();
    home = join(temporaryFolder(), "home");
  });

  function put(path: string, text: string): void {
    const file = join(person, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
  }

  function lay(preset: keyof typeof ACP_PRESETS, env: NodeJS.ProcessEnv = {}) {
    return prepareHome(home, ACP_PRESETS[preset].files, { HOME: person, ...env });
  }

  function laid(path: string): string {
    return readFileSync(join(home, path), "utf8");
  }

  test("of OpenCode's settings, its models; the permissions are ours", async () => {
    put(".config/opencode/opencode.json", JSON.stringify({ ...OPENCODE, permission: { bash: "allow" } }));
    put(".local/share/opencode/auth.json", '{"anthropic":{"type":"api","key":"k"}}');
    put(".config/opencode/AGENTS.md", "Do as I say");
    put(".ssh/id_ed25519", "secret");
    await lay("opencode");
    expect(JSON.parse(laid(".config/opencode/opencode.json"))).toEqual({
      model: "a/b",
      provider: { a: { options: { baseURL: "http://127.0.0.1:1" } } },
      autoupdate: false,
      share: "disabled",
      permission: { edit: "ask", bash: "ask", webfetch: "deny", external_directory: "ask" },
    });
    expect(laid(".local/share/opencode/auth.json")).toBe('{"anthropic":{"type":"api","key":"k"}}');
    expect(readdirSync(home, { recursive: true }).sort()).toEqual([
      ".config",
      ".config/opencode",
      ".config/opencode/opencode.json",
      ".local",
      ".local/share",
      ".local/share/opencode",
      ".local/share/opencode/auth.json",
    ]);
    expect(statSync(join(home, ".local/share/opencode/auth.json")).mode & 0o777).toBe(0o600);
  });

  test("of Codex's settings, its model and providers; no tools, no hooks, and our policy first", async () => {
    put("elsewhere/config.toml", CODEX);
    await lay("codex-acp", { CODEX_HOME: join(person, "elsewhere") });
    expect(parse(laid(".codex/config.toml"))).toEqual({
      sandbox_mode: "workspace-write",
      approval_policy: "never",
      web_search: "disabled",
      project_doc_max_bytes: 0,
      features: { memories: false, apps: false, plugins: false, hooks: false },
      model: "gpt-test",
      model_provider: "mine",
      model_providers: { mine: { base_url: "http://127.0.0.1:1", query_params: { v: "1" } } },
    });
  });

  test("without any settings of the person's, ours alone; what an earlier start left is gone", async () => {
    mkdirSync(home);
    writeFileSync(join(home, "planted"), "");
    await lay("gemini");
    expect(Object.keys(JSON.parse(laid(".gemini/settings.json")))).toEqual([
      "general",
      "privacy",
      "telemetry",
    ]);
    expect(readdirSync(home)).toEqual([".gemini"]);
  });

  test("settings may have comments, and what is no JSON is named in the sentence that refuses it", async () => {
    put(
      "config/opencode/opencode.jsonc",
      '{ // mine\n "model": "a//b", /* ["x",] */ "enabled_providers": ["a", "b,]",], }',
    );
    await lay("opencode", { XDG_CONFIG_HOME: join(person, "config") });
    expect(JSON.parse(laid(".config/opencode/opencode.json"))).toMatchObject({
      model: "a//b",
      enabled_providers: ["a", "b,]"],
    });
    put(".config/opencode/opencode.json", "{ model: a }");
    await expect(lay("opencode")).rejects.toMatchObject({
      code: "agent_not_started",
      message: `The agent's configuration ${join(person, ".config/opencode/opencode.json")} is no JSON; mend it.`,
    });
  });
});

describe("a path lies inside the workspace when a write to it lands there", () => {
  test("with links, dots and second names followed", async () => {
    const base = temporaryFolder();
    const folder = join(base, "workspace");
    mkdirSync(join(folder, "skills"), { recursive: true });
    writeFileSync(join(base, "outside.md"), "");
    writeFileSync(join(folder, "MEMORY.md"), "");
    symlinkSync(base, join(folder, "out"));
    symlinkSync(join(folder, "skills"), join(folder, "in"));
    symlinkSync("nowhere", join(folder, "dangling"));
    linkSync(join(base, "outside.md"), join(folder, "twin.md"));
    symlinkSync(folder, join(base, "alias"));
    const inside = [
      ...["MEMORY.md", "new.md", "a/b/c.md", "in/new.md", "skills", join(folder, "MEMORY.md")],
      join(base, "alias", "new.md"),
    ];
    const outside = [
      ...[
        "",
        ".",
        "..",
        "../outside.md",
        "out/outside.md",
        "out/new.md",
        "dangling",
        "twin.md",
        "in/../MEMORY.md",
      ],
      ...["MEMORY.md/x", "a\0b", base, folder, join(base, "workspace-2", "x"), "/etc/passwd"],
    ];
    const judged = async (paths: readonly string[]) => {
      const found = await Promise.all(
        paths.map(async (path) => [path, await liesInside(folder, path)] as const),
      );
      return Object.fromEntries(found);
    };
    expect(await judged(inside)).toEqual(Object.fromEntries(inside.map((path) => [path, true])));
    expect(await judged(outside)).toEqual(Object.fromEntries(outside.map((path) => [path, false])));
  });
});

test("a program may read itself and what stands beside it, never a whole home", async () => {
  const base = temporaryFolder();
  const file = (...words: readonly string[]) => {
    const path = join(base, ...words);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "#!/usr/bin/env node\n", { mode: 0o755 });
    return path;
  };
  const packaged = file("lib", "node_modules", "@a", "b", "main.js");
  const lonely = file("home", "agent");
  const tool = file("home", "tools", "agent");
  const before = process.env.HOME;
  process.env.HOME = join(base, "home");
  const found = await Promise.all(
    [
      [packaged, "--acp"],
      [lonely],
      [tool, base, join(base, "home"), join(base, "data", "x")],
      ["no such program"],
    ].map((words) => namedProgram(words as [string, ...string[]])),
  );
  process.env.HOME = before;
  const node = await namedProgram([process.execPath]);
  expect(found).toEqual([
    {
      program: [process.execPath, packaged, "--acp"],
      readable: [...(node?.readable ?? []), join(base, "lib", "node_modules")],
    },
    { program: [lonely], readable: [lonely] },
    {
      program: [tool, base, join(base, "home"), join(base, "data", "x")],
      readable: [join(base, "home", "tools"), join(base, "data")],
    },
    null,
  ]);
});

describe("an agent's environment", () => {
  const given = { ...process.env };

  afterEach(() => {
    process.env = { ...given };
  });

  const source = 'require("node:fs").writeFileSync("env.json", JSON.stringify(process.env))';
  const command = [process.execPath, "-e", source, "--"] as const;

  test("has the keys of its preset, a home and a temporary folder of the run, and nothing else of ours", async () => {
    const { spec } = agentPlace();
    process.env = {
      ...given,
      GEMINI_API_KEY: "mine",
      ANTHROPIC_API_KEY: "another's",
      SECRET: "s",
      EXTRA: "e",
    };
    const runner = acpAgent({ preset: "gemini", command, environment: ["EXTRA"], sandbox: "none" });
    await expect(runner.spawn(spec, realClock)).rejects.toMatchObject({ code: "agent_not_started" });
    const env = JSON.parse(readFileSync(join(spec.workspace, "env.json"), "utf8"));
    expect(env).toMatchObject({
      GEMINI_API_KEY: "mine",
      EXTRA: "e",
      GEMINI_CLI_NO_RELAUNCH: "true",
      HOME: join(spec.runFolder, "home"),
      TMPDIR: join(spec.runFolder, "home", "tmp"),
      SLOWWAVE_RUN: spec.key,
    });
    expect(env).not.toHaveProperty("ANTHROPIC_API_KEY");
    expect(env).not.toHaveProperty("SECRET");
  });

  test("closes the port that OpenCode opens, or it is not started", async () => {
    const { spec } = agentPlace();
    const open = acpAgent({ preset: "opencode", command, sandbox: "none" });
    await expect(open.spawn(spec, realClock)).rejects.toMatchObject({
      code: "agent_not_started",
      message: expect.stringContaining("give `acpAgent` a `newSecret`"),
    });
    const closed = acpAgent({ preset: "opencode", command, sandbox: "none", newSecret: () => "guess me" });
    await expect(closed.spawn(spec, realClock)).rejects.toMatchObject({ code: "agent_not_started" });
    expect(JSON.parse(readFileSync(join(spec.workspace, "env.json"), "utf8"))).toMatchObject({
      OPENCODE_SERVER_PASSWORD: "guess me",
    });
  });
});

const OPENCODE = {
  model: "a/b",
  provider: { a: { options: { baseURL: "http://127.0.0.1:1" } } },
  mcp: { mine: { command: ["x"] } },
  plugin: ["y"],
  instructions: ["z"],
};

const CODEX = `
model = "gpt-test" # the good one
model_provider = "mine"
approval_policy = "on-failure"
notify = ["x"]
[model_providers.mine]
base_url = "http://127.0.0.1:1"
  [model_providers.mine.query_params]
v = "1"
[mcp_servers.mine]
command = "x"
model = "not this one"
[hooks]
a = "b"`;
