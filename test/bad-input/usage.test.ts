import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandLine, line, temporaryFolder } from "../cli/invoke.ts";
import { ENTRY, run, start } from "../cli/real-process.ts";

describe("wrong use", () => {
  test.each<[readonly string[], string, string]>([
    [["fly"], "invalid_usage", "Unknown command 'fly'"],
    [["run", "--fast"], "invalid_usage", "Unknown option '--fast'"],
    [["run", "extra"], "invalid_usage", "Too many arguments"],
    [["run", "extra", "--agent", "acp", "--", "program"], "invalid_usage", "Too many arguments"],
    [["run", "--", "program"], "invalid_usage", "Words after two dashes name the program of `--agent acp`"],
    [["run", "--agent", "acp"], "invalid_settings", 'The agent "acp" needs a program'],
    [["import"], "invalid_usage", "Name the file to import"],
    [["runs", "show"], "invalid_usage", "Missing required argument 'id'"],
    [["runs", "--last", "0"], "invalid_usage", "--last <n> needs a whole number of at least 1."],
    [["run", "--home", ""], "invalid_usage", "--home needs a folder."],
    [["run", "--limit"], "invalid_usage", "argument missing"],
    [["run", "--limit", "0"], "invalid_settings", "maxInputs, given by --limit"],
    [["run", "--agent", "hal"], "unknown_agent", 'There is no agent "hal" here; known: extractive, codex'],
    [["run", "--space", ""], "space_invalid", "A space key has 1 to 200 characters"],
    [["runs", "show", "none"], "unknown_run", 'There is no run "none" here'],
    [["cancel", ""], "unknown_run", 'There is no run "" here'],
    [["machine", "--format", "png"], "unknown_format", 'There is no format "png"'],
  ])("%j ends with exit 2 and one sentence", async (argv, code, said) => {
    const { json, slowwave } = commandLine();
    expect(await json(...argv)).toEqual({
      code: 2,
      value: { error: { code, message: expect.stringContaining(said), cause: null } },
    });
    const answer = await slowwave(...argv);
    expect(answer).toEqual({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^error .*\n {2}code: \w+\n$/),
    });
  });

  test("a config file with an unknown key names the file and the key", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, ".config", "slowwave"), { recursive: true });
    writeFileSync(join(folder, ".config", "slowwave", "config.json"), '{"leaseMinutes":5}');
    expect(await commandLine({}, folder).json("run")).toMatchObject({
      code: 2,
      value: {
        error: {
          code: "invalid_config",
          message: expect.stringMatching(
            /config\.json has an unknown key "leaseMinutes"; known are leaseSeconds/,
          ),
        },
      },
    });
  });
});

describe("an installed Node that is too old", () => {
  test("is told so in one sentence, with exit 2, before anything else loads", async () => {
    const old =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })";
    expect(
      await run(["run"], { flags: ["--import", `data:text/javascript,${encodeURIComponent(old)}`] }),
    ).toEqual({
      code: 2,
      signal: null,
      stdout: "",
      stderr:
        "slowwave needs Node 22.14 or newer, and this is 20.20.2; install a newer Node and try again.\n",
    });
  });

  test("gets as far as that sentence: the entry imports nothing statically and is written for Node 12", () => {
    const text = readFileSync(ENTRY, "utf8");
    expect(text).not.toMatch(/^\s*import\s|\?\.|\?\?|\bawait\b|\bclass\b/m);
  });
});

describe("text that would take over the terminal", () => {
  const HOSTILE = /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
  const evil = "\u202egnp.exe\u202c\u200b\u2066x\u2069\u{e0041}";

  test("of a memory, a slug, a path, a space or an argument never reaches it", async () => {
    const stdin = [
      line({
        thread_id: `t${evil}`,
        rollout_slug: `slug${evil}`,
        git_branch: evil,
        cwd: `/home/${evil}`,
        rollout_path: evil,
        raw_memory: `### Task 1: \u001b]0;owned\u0007${evil}\n\nReusable knowledge:\n- \u001b[2Jclear\u009b31m ${evil}\n`,
        rollout_summary: `# \u001b[31m${evil}\r\n`,
      }),
    ];
    const { slowwave } = commandLine({ stdin, columns: 100, env: { NO_COLOR: "1" } });
    const space = `space ${evil}`;
    const answers = [
      await slowwave("import", "-", "--space", space),
      await slowwave("run", "--space", space),
      await slowwave("status", "--space", space),
      await slowwave("runs", "--all-spaces"),
      await slowwave("runs", "show", "last", "--transcript", "--space", space),
      await slowwave("doctor", "--space", space),
      await slowwave("status", "--json", "--space", space),
      await slowwave("runs", "show", "last", "--json", "--transcript", "--space", space),
      await slowwave("runs", "show", `\u001b[31m${evil}`),
      await slowwave(`\u001b]0;x\u0007${evil}`),
      await slowwave("run", `--\u009b${evil}`),
      await slowwave("run", "--agent", `\u001b${evil}`, "--json"),
      await slowwave("import", `/\u001b[2J${evil}`),
      await slowwave("run", "--home", `/dev/null/\u001b${evil}`),
    ];
    expect(answers.slice(0, 8).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(answers.slice(8).map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2]);
    for (const { stdout, stderr } of answers) expect(`${stdout}${stderr}`).not.toMatch(HOSTILE);
  });
});

describe("a reader that goes away", () => {
  test("is no error", async () => {
    const started = start(["machine"]);
    started.process.stdout?.destroy();
    expect(await started.ended).toMatchObject({ code: 0, stderr: "" });
  });
});
