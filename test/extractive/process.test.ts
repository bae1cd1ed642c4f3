import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { inputOf, note } from "./sessions.ts";

const main = fileURLToPath(new URL("../../src/extractive/main.ts", import.meta.url));
const input = inputOf([
  {
    id: "aa01",
    day: 1,
    memory: note({ knowledge: ["The queue is drained before each deploy because messages are typed."] }),
  },
]);

describe("the extractive agent as a process", { timeout: 60_000 }, () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "extractive-"));
    mkdirSync(join(root, "rollout_summaries"));
    writeFileSync(join(root, "raw_memories.md"), input.rawMemories);
    for (const { name, text } of input.summaries) writeFileSync(join(root, "rollout_summaries", name), text);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const run = (workspace: readonly string[] = [root], flags: readonly string[] = []) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ["--no-warnings", "--experimental-strip-types", ...flags, main, ...workspace],
      { encoding: "utf8", env: {} },
    );
    return {
      status,
      reports: stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string; text?: string; message?: string }),
    };
  };

  test("writes both files and tells how it went", () => {
    expect(run()).toEqual({
      status: 0,
      reports: [
        { type: "running" },
        { type: "message", text: "read 1 session of 1 project" },
        { type: "message", text: "wrote MEMORY.md with 1 task" },
        { type: "completed", message: "consolidated 1 session into 1 project group" },
      ],
    });
    const { memory, summary } = consolidate(input);
    expect([
      readFileSync(join(root, "MEMORY.md"), "utf8"),
      readFileSync(join(root, "memory_summary.md"), "utf8"),
    ]).toEqual([memory, summary]);
  });

  test("works where it may read and write nothing but the workspace and its own code", () => {
    const code = dirname(dirname(dirname(dirname(main))));
    const flags = [
      "--permission",
      `--allow-fs-read=${root}`,
      `--allow-fs-read=${root}/*`,
      `--allow-fs-read=${code}/*`,
      `--allow-fs-write=${root}`,
      `--allow-fs-write=${root}/*`,
    ];
    expect(run([root], flags).reports.at(-1)).toEqual({
      type: "completed",
      message: "consolidated 1 session into 1 project group",
    });
  });

  test("replaces a link in the place of a file instead of writing through it, and reads through none", () => {
    const outside = join(root, "outside.txt");
    writeFileSync(outside, "# Task Group: elsewhere\n\n- keep me\n");
    symlinkSync(outside, join(root, "MEMORY.md"));
    symlinkSync(outside, join(root, ".memory_summary.md.new"));
    symlinkSync(outside, join(root, "rollout_summaries", "linked.md"));
    expect(run().status).toBe(0);
    expect(readFileSync(outside, "utf8")).toBe("# Task Group: elsewhere\n\n- keep me\n");
    expect(lstatSync(join(root, "MEMORY.md")).isSymbolicLink()).toBe(false);
    expect(readFileSync(join(root, "MEMORY.md"), "utf8")).not.toContain("keep me");
  });

  test.each([
    ["no workspace is named", () => run([]), "name the workspace folder"],
    ["the workspace isn't there", () => run([join("/", "nowhere", "at", "all")]), "rollout_summaries"],
    [
      "it holds no summary",
      () => {
        rmSync(join(root, "rollout_summaries"), { recursive: true });
        mkdirSync(join(root, "rollout_summaries"));
        return run();
      },
      "import session memories first",
    ],
    [
      "no summary has a header",
      () => {
        for (const { name } of input.summaries)
          writeFileSync(join(root, "rollout_summaries", name), "words\n");
        return run();
      },
      "header with thread_id",
    ],
  ])("says what is wrong when %s, and writes nothing", (_, attempt, hint) => {
    const { status, reports } = attempt();
    expect([status, reports.map(({ type }) => type)]).toEqual([1, ["running", "errored"]]);
    expect(reports[1]?.message).toContain(hint);
    expect(existsSync(join(root, "MEMORY.md"))).toBe(false);
  });
});
