import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine, line } from "../cli/invoke.ts";

const CANARY = "The build needs Node 22.";

const published = copiedHome(async (folder) => {
  const here = commandLine({ stdin: [line()] }, folder);
  await here.slowwave("import", "-");
  await here.slowwave("run");
});

/** A user with a memory, and files of agents that were there before. */
function user(before: Readonly<Record<string, string>> = {}) {
  const folder = published();
  for (const [name, text] of Object.entries(before)) put(join(folder, name), text);
  const here = commandLine({}, folder);
  return {
    ...here,
    folder,
    path: (name: string) => join(folder, name),
    read: (name: string) => readFileSync(join(folder, name), "utf8"),
    write: (name: string, text: string) => put(join(folder, name), text),
    tree: () => treeOf(folder),
  };
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Everything of the user's but Slowwave's home: folders, and files with their bytes. */
function treeOf(folder: string): Readonly<Record<string, string | null>> {
  const found: [string, string | null][] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    if (name === "home" || name.startsWith("home/")) continue;
    const path = join(folder, name);
    found.push([name, lstatSync(path).isFile() ? readFileSync(path, "utf8") : null]);
  }
  return Object.fromEntries(found);
}

const BEFORE: Readonly<Record<string, string>> = {
  ".claude/CLAUDE.md": "# Mine\n",
  ".claude/settings.json": '{\n  // mine\n  "model": "x",\n  "hooks": { "Stop": [] },\n}\n',
  ".claude.json": '{"projects":{}}',
  ".codex/AGENTS.md": "Always answer briefly.\r\nNo line break at the end",
  ".codex/hooks.json": "{}",
  ".gemini/settings.json": '{\n\t"theme": "dark"\n}',
  ".config/opencode/opencode.jsonc": '{\n  "instructions": ["a.md"], // mine\n}\n',
};

const WAYS = [
  ["claude", "file"],
  ["claude", "skill"],
  ["claude", "block"],
  ["claude", "hook"],
  ["claude", "mcp"],
  ["codex", "skill"],
  ["codex", "block"],
  ["codex", "hook"],
  ["gemini", "file"],
  ["gemini", "skill"],
  ["gemini", "block"],
  ["gemini", "hook"],
  ["gemini", "mcp"],
  ["opencode", "file"],
  ["opencode", "skill"],
  ["opencode", "block"],
  ["opencode", "mcp"],
] as const;

test("doctor says which place does not hold the memory as it is, and what mends it; of connected places alone", async () => {
  const { slowwave, json, path, write } = user();
  const named = async () => {
    const { checks } = (await json("doctor")).value as { checks: readonly { name: string }[] };
    return checks.filter(({ name }) => name === "connections");
  };
  expect(await named()).toEqual([]);
  await slowwave("connect", "claude");
  expect(await named()).toMatchObject([{ verdict: "ok" }]);
  write(".claude/rules/slowwave.md", "mine now\n");
  const changed = { verdict: "warn", mend: "slowwave connections" };
  expect(await named()).toMatchObject([
    { ...changed, message: expect.stringContaining("was changed by hand") },
  ]);
  rmSync(path(".claude/rules/slowwave.md"));
  expect(await named()).toMatchObject([{ ...changed, message: expect.stringContaining("no longer holds") }]);
});

describe("connecting and disconnecting", () => {
  test.each(WAYS)("%s by %s leaves every file and folder byte for byte as it was", async (agent, how) => {
    for (const before of [{}, BEFORE]) {
      const here = user(before);
      const was = here.tree();
      const { code, value } = await here.json("connect", agent, "--how", how);
      const targets = (value as { targets: { path: string; after: string }[] }).targets;
      expect([code, targets.map(({ path, after }) => readFileSync(path, "utf8") === after)]).toEqual([
        0,
        targets.map(() => true),
      ]);
      expect(here.tree()).not.toEqual(was);
      const removed = (await here.json("disconnect", agent)).value as { removed: { isAsBefore: boolean }[] };
      expect(removed.removed.map(({ isAsBefore }) => isAsBefore)).toEqual(targets.map(() => true));
      expect(here.tree()).toEqual(was);
    }
  });

  test("prints every byte first, and writes nothing", async () => {
    const here = user(BEFORE);
    const was = here.tree();
    for (const [agent, how] of WAYS) {
      const printed = await here.json("connect", agent, "--how", how, "--print");
      expect(here.tree()).toEqual(was);
      const written = await here.json("connect", agent, "--how", how);
      const texts = ({ value }: { value: unknown }) =>
        (value as { targets: { after: string }[] }).targets.map(({ after }) => after);
      expect(texts(printed)).toEqual(texts(written));
      await here.slowwave("disconnect", agent);
    }
    const nowhere = commandLine();
    expect((await nowhere.slowwave("connect", "claude", "--print")).code).toBe(0);
    expect(existsSync(nowhere.home)).toBe(false);
  });

  test("shows the memory: in a rule of Claude Code, an extension of Gemini CLI, a block of Codex", async () => {
    const here = user();
    await here.slowwave("connect", "claude");
    await here.slowwave("connect", "gemini");
    await here.slowwave("connect", "codex", "--how", "block");
    const places = [".claude/rules/slowwave.md", ".gemini/extensions/slowwave/MEMORY.md", ".codex/AGENTS.md"];
    expect(places.map((name) => here.read(name).includes(CANARY))).toEqual([true, true, true]);
    expect(here.read(".claude/skills/slowwave-memory/SKILL.md")).toContain("/memories/MEMORY.md");
  });

  test("an agent that has no such way is refused by name, and one that nobody knows, too", async () => {
    const here = user();
    const codes = [];
    for (const words of [["codex", "--how", "mcp"], ["opencode", "--how", "hook"], ["cursor"]]) {
      const { code, value } = await here.json("connect", ...words);
      codes.push([code, (value as { error: { code: string } }).error.code]);
    }
    expect(codes).toEqual([
      [2, "connection_unsupported"],
      [2, "connection_unsupported"],
      [2, "unknown_agent"],
    ]);
  });

  test("a skill that three agents share stays until the last of them is disconnected", async () => {
    const here = user();
    for (const agent of ["codex", "gemini", "opencode"])
      await here.slowwave("connect", agent, "--how", "skill");
    const there = [];
    for (const agent of ["codex", "opencode", "gemini"]) {
      await here.slowwave("disconnect", agent);
      there.push(existsSync(here.path(".agents/skills/slowwave-memory/SKILL.md")));
    }
    expect([there, here.tree()]).toEqual([[true, true, false], {}]);
  });

  test("connecting again changes nothing", async () => {
    const here = user(BEFORE);
    const was = here.tree();
    for (const [agent, how] of WAYS) await here.slowwave("connect", agent, "--how", how);
    const once = here.tree();
    for (const [agent, how] of WAYS) await here.slowwave("connect", agent, "--how", how);
    expect(here.tree()).toEqual(once);
    await here.slowwave("disconnect", "--all");
    expect(here.tree()).toEqual(was);
  });
});

describe("what a person does around it", () => {
  test("edits before and after the block are kept", async () => {
    const here = user({ ".codex/AGENTS.md": "Before." });
    await here.slowwave("connect", "codex", "--how", "block");
    here.write(".codex/AGENTS.md", `New first line.\n${here.read(".codex/AGENTS.md")}Last line.\n`);
    const { value } = await here.json("disconnect", "codex");
    expect([here.read(".codex/AGENTS.md"), value]).toEqual([
      "New first line.\nBefore.Last line.\n",
      { removed: [expect.objectContaining({ isAsBefore: false })] },
    ]);
  });

  test("entries that they add before, after and around ours are kept", async () => {
    const here = user({ ".config/opencode/opencode.json": '{\n  "instructions": ["a.md"]\n}\n' });
    await here.slowwave("connect", "opencode");
    const now = here.read(".config/opencode/opencode.json");
    here.write(
      ".config/opencode/opencode.json",
      now
        .replace('["a.md"', '["zero.md", "a.md"')
        .replace('.md"]', '.md", "z.md"]')
        .replace("}\n", ', "x": 1}\n'),
    );
    await here.slowwave("disconnect", "opencode");
    expect(here.read(".config/opencode/opencode.json")).toBe(
      '{\n  "instructions": ["zero.md", "a.md", "z.md"]\n, "x": 1}\n',
    );
  });

  test("a changed block, and a changed file of ours, are refused with a sentence, and nothing is touched", async () => {
    const here = user();
    await here.slowwave("connect", "codex", "--how", "block");
    await here.slowwave("connect", "claude");
    here.write(".codex/AGENTS.md", here.read(".codex/AGENTS.md").replace(CANARY, "Break it."));
    here.write(".claude/rules/slowwave.md", "mine now");
    const was = here.tree();
    const answers = [];
    for (const agent of ["codex", "claude"]) {
      for (const command of ["disconnect", "connect"]) {
        const how = command === "connect" && agent === "codex" ? ["--how", "block"] : [];
        const { code, value } = await here.json(command, agent, ...how);
        answers.push([code, (value as { error: { code: string } }).error.code]);
      }
    }
    expect(answers).toEqual([
      [2, "connection_changed"],
      [2, "connection_changed"],
      [2, "connection_changed"],
      [2, "connection_in_the_way"],
    ]);
    expect(here.tree()).toEqual(was);
    const { code, value } = await here.json("connections");
    const verdicts = (value as { connections: { path: string; verdict: string }[] }).connections;
    expect([
      code,
      verdicts.map(({ path, verdict }) => [path.replace(`${here.folder}/`, ""), verdict]),
    ]).toEqual([
      1,
      [
        [".claude/rules/slowwave.md", "changed"],
        [".claude/skills/slowwave-memory/SKILL.md", "in place"],
        [".codex/AGENTS.md", "changed"],
      ],
    ]);
  });

  test("a file that they took away is told as missing, and disconnecting forgets it", async () => {
    const here = user();
    await here.slowwave("connect", "codex", "--how", "block");
    here.write(".codex/AGENTS.md", "only mine\n");
    const { value } = await here.json("connections");
    expect(value).toMatchObject({ connections: [{ verdict: "missing" }] });
    await here.slowwave("disconnect", "codex");
    expect([here.read(".codex/AGENTS.md"), (await here.json("connections")).value]).toEqual([
      "only mine\n",
      { space: "global", connections: [] },
    ]);
  });
});

describe("what stands in the way", () => {
  const refused = async (here: ReturnType<typeof user>, ...words: string[]) => {
    const was = here.tree();
    const { code, value } = await here.json("connect", ...words);
    expect(here.tree()).toEqual(was);
    return [code, (value as { error?: { code: string } }).error?.code];
  };

  test("a file of ours that is somebody else's, a folder, a hard link, a file that is no text", async () => {
    const foreign = user({ ".claude/rules/slowwave.md": "not ours" });
    const folder = user({ ".codex/AGENTS.md/x": "a folder" });
    const linked = user({ ".codex/AGENTS.md": "two names" });
    linkSync(linked.path(".codex/AGENTS.md"), linked.path("other"));
    const binary = user();
    binary.write(".codex/x", "");
    writeFileSync(binary.path(".codex/AGENTS.md"), Buffer.from([0x66, 0xff, 0x66]));
    const json = user({ ".config/opencode/opencode.json": '{"instructions": "a.md"}' });
    const broken = user({ ".config/opencode/opencode.json": '{"instructions": [' });
    expect([
      await refused(foreign, "claude"),
      await refused(folder, "codex", "--how", "block"),
      await refused(linked, "codex", "--how", "block"),
      await refused(binary, "codex", "--how", "block"),
      await refused(json, "opencode"),
      await refused(broken, "opencode"),
    ]).toEqual(Array.from({ length: 6 }, () => [2, "connection_in_the_way"]));
  });

  test("a read-only file is refused", async () => {
    const here = user({ ".codex/AGENTS.md": "locked" });
    chmodSync(here.path(".codex/AGENTS.md"), 0o444);
    expect(await refused(here, "codex", "--how", "block")).toEqual([2, "connection_read_only"]);
  });

  test("a link of a dotfiles folder is followed, and stays a link", async () => {
    const here = user({ "dotfiles/AGENTS.md": "shared\n", ".codex/config.toml": "" });
    symlinkSync(here.path("dotfiles/AGENTS.md"), here.path(".codex/AGENTS.md"));
    await here.slowwave("connect", "codex", "--how", "block");
    expect([
      lstatSync(here.path(".codex/AGENTS.md")).isSymbolicLink(),
      here.read("dotfiles/AGENTS.md"),
    ]).toEqual([true, expect.stringMatching(/^shared\n<!-- slowwave:begin /)]);
    await here.slowwave("disconnect", "codex");
    expect(here.read("dotfiles/AGENTS.md")).toBe("shared\n");
  });

  test("another space of the same agent", async () => {
    const here = user();
    await here.slowwave("connect", "claude");
    expect(await refused(here, "claude", "--space", "work")).toEqual([2, "connection_other_space"]);
  });
});

describe("when the memory changes", () => {
  test("a run, a rollback and a purge rewrite every connection and projection at once", async () => {
    const here = user();
    await here.slowwave("connect", "claude");
    await here.slowwave("connect", "codex", "--how", "block");
    const second = line({
      thread_id: "thread-2",
      source_updated_at: "2026-09-03T10:00:00Z",
      raw_memory:
        "### Task 1: Tame the zebra\n\nReusable knowledge:\n- The zebra cache is cold on Mondays.\n",
    });
    const shown = () =>
      [".claude/rules/slowwave.md", ".codex/AGENTS.md", "home/projections/global/all.md"].map((name) =>
        here.read(name).includes("zebra"),
      );
    const learned = commandLine({ stdin: [second] }, here.folder);
    await learned.slowwave("import", "-");
    await learned.slowwave("run");
    const afterRun = shown();
    await here.slowwave("rollback");
    const afterRollback = shown();
    await here.slowwave("rollback");
    const back = shown();
    await here.slowwave("purge", "thread-2", "--yes");
    expect([afterRun, afterRollback, back, shown()]).toEqual([
      [true, true, true],
      [false, false, false],
      [true, true, true],
      [false, false, false],
    ]);
    await here.slowwave("disconnect", "--all");
    expect(here.tree()).toEqual({});
  });

  test("a skill that agents share is ours for each of them after it was rewritten", async () => {
    const here = user();
    for (const agent of ["codex", "gemini"]) await here.slowwave("connect", agent);
    const other = line({ thread_id: "thread-2", cwd: "/home/dev/second" });
    const learned = commandLine({ stdin: [other] }, here.folder);
    await learned.slowwave("import", "-");
    await learned.slowwave("run");
    const { value } = await here.json("connections");
    const { connections } = value as { connections: { agent: string; verdict: string }[] };
    expect([...new Set(connections.map(({ verdict }) => verdict))]).toEqual(["in place"]);
    expect(here.read(".agents/skills/slowwave-memory/SKILL.md")).toContain("dev/second");
    await here.slowwave("disconnect", "codex");
    expect((await here.json("connections")).code).toBe(0);
    await here.slowwave("disconnect", "gemini");
    expect(here.tree()).toEqual({});
  });

  test("a purge says where it could not take back what is shown", async () => {
    const here = user();
    await here.slowwave("connect", "claude");
    here.write(".claude/rules/slowwave.md", `${here.read(".claude/rules/slowwave.md")}mine\n`);
    const { code, stderr } = await here.slowwave("purge", "thread-1", "--yes");
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^still shown · .*rules\/slowwave\.md was changed by hand/m),
    ]);
  });

  test("a purge takes the notes that hooks left of the session", async () => {
    const here = user({ "home/inbox/thread-1.json": "{}", "home/inbox/claude-other.json": "{}" });
    await here.slowwave("purge", "thread-1", "--yes");
    expect(readdirSync(join(here.home, "inbox"))).toEqual(["claude-other.json"]);
  });

  test("hooks find the project of a folder in the index of projections", async () => {
    const here = user();
    await here.slowwave("connections");
    const index = JSON.parse(here.read("home/projections/global/index.json")) as {
      projects: { folders: string[]; file: string }[];
    };
    expect(index.projects.map(({ folders }) => folders)).toEqual([["/home/dev/project"]]);
    const own = here.read(`home/projections/global/${index.projects[0]?.file}`);
    expect([own.includes(CANARY), here.read("home/projections/global/none.md").includes(CANARY)]).toEqual([
      true,
      false,
    ]);
  });
});

describe("a process that was killed in the middle", () => {
  /** As it stands after kill -9 between a row and its file: the row says what was to be. */
  const leave = async (here: ReturnType<typeof user>, state: "connecting" | "disconnecting") => {
    const store = await openSqliteStore({ path: join(here.home, "slowwave.db") });
    for (const row of await store.connections.list()) await store.connections.save({ ...row, state });
    await store.close();
  };

  test("leaves connections that the next look brings to their end, either way", async () => {
    const here = user(BEFORE);
    const was = here.tree();
    for (const [agent, how] of WAYS) await here.slowwave("connect", agent, "--how", how);
    const done = here.tree();
    await leave(here, "connecting");
    await here.slowwave("connections");
    expect(here.tree()).toEqual(done);
    await leave(here, "disconnecting");
    writeFileSync(here.path(".codex/.AGENTS.md.slowwave-draft"), "half");
    await here.slowwave("connections");
    expect(here.tree()).toEqual(was);
  });

  test("before its first write leaves rows, and the next look writes the files", async () => {
    const here = user(BEFORE);
    for (const [agent, how] of WAYS) await here.slowwave("connect", agent, "--how", how);
    const done = here.tree();
    await leave(here, "connecting");
    for (const [name, text] of Object.entries(BEFORE)) here.write(name, text);
    spawnSync("rm", [
      "-rf",
      ...[".claude/rules", ".claude/skills", ".agents", ".gemini/extensions"].map(here.path),
    ]);
    for (const name of [".gemini/GEMINI.md", ".config/opencode/AGENTS.md"])
      spawnSync("rm", ["-f", here.path(name)]);
    await here.slowwave("connections");
    expect(here.tree()).toEqual(done);
  });
});
