import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { extractiveAgent } from "../../src/agents/index.ts";
import { createEngine } from "../../src/index.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { commandLine, type Invoked, line, temporaryFolder } from "../cli/invoke.ts";
import { run } from "../cli/real-process.ts";

const stdin = [line()];

async function filled(folder = temporaryFolder()): Promise<Invoked> {
  const made = commandLine({ stdin }, folder);
  await made.slowwave("import", "-");
  return made;
}

describe("a database that cannot be used", () => {
  const refused = async (spoil: (database: string) => void) => {
    const { json, home } = await filled();
    const database = join(home, "slowwave.db");
    for (const rest of ["-wal", "-shm"]) rmSync(database + rest, { force: true });
    spoil(database);
    const before = readFileSync(database);
    const { code, value } = await json("run");
    expect(readFileSync(database).equals(before)).toBe(true);
    return { code, error: (value as { error: { code: string; message: string } }).error };
  };

  test("not a database at all", async () => {
    expect(await refused((path) => writeFileSync(path, "notes of last week\n".repeat(100)))).toMatchObject({
      code: 2,
      error: { code: "store_not_a_database", message: expect.stringMatching(/^state db unavailable: /) },
    });
  });

  test("of another program", async () => {
    const spoil = (path: string) => {
      rmSync(path);
      const db = new Database(path);
      db.exec("create table songs (title text)");
      db.close();
    };
    expect(await refused(spoil)).toMatchObject({ code: 2, error: { code: "store_foreign" } });
  });

  test("newer than this version", async () => {
    const spoil = (path: string) => {
      const db = new Database(path);
      db.pragma("user_version = 999");
      db.pragma("wal_checkpoint(truncate)");
      db.close();
    };
    expect(await refused(spoil)).toMatchObject({ code: 2, error: { code: "store_newer" } });
  });

  test("damaged", async () => {
    const spoil = (path: string) => {
      const bytes = readFileSync(path);
      bytes.fill(0x5a, 4096, bytes.length - 100);
      writeFileSync(path, bytes);
    };
    expect(await refused(spoil)).toMatchObject({ code: 2, error: { code: "store_corrupt" } });
  });

  test("a folder where the database should be", async () => {
    const { json, home } = commandLine({ stdin });
    mkdirSync(join(home, "slowwave.db"), { recursive: true });
    expect(await json("import", "-")).toMatchObject({
      code: 2,
      value: { error: { code: expect.stringMatching(/^store_/) } },
    });
  });
});

test("a database that others may read is left as it is, and doctor names the command that closes it", async () => {
  const { json, home } = await filled();
  const database = join(home, "slowwave.db");
  chmodSync(database, 0o644);
  const { value } = await json("doctor");
  expect((value as { checks: { name: string }[] }).checks.find(({ name }) => name === "store")).toMatchObject(
    {
      verdict: "warn",
      message: expect.stringContaining("others may read it"),
      mend: `chmod 600 ${database}`,
    },
  );
});

describe("a home that cannot be written", () => {
  test("below a file", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "home"), "");
    const { json } = commandLine({ stdin }, folder);
    expect(await json("import", "-")).toMatchObject({
      code: 2,
      value: { error: { code: "home_unavailable", cause: expect.stringContaining("EEXIST") } },
    });
    expect(await json("import", "-", "--home", join(folder, "home", "deeper"))).toMatchObject({
      code: 2,
      value: { error: { code: "home_unavailable", cause: expect.stringContaining("ENOTDIR") } },
    });
  });

  test("read-only", async () => {
    const { home } = await filled();
    for (const name of readdirSync(home)) chmodSync(join(home, name), 0o555);
    chmodSync(home, 0o555);
    // The superuser writes everywhere, unless that power is taken from it.
    const through =
      process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"] : [];
    const answer = await run(["run", "--json", "--home", home], { through });
    chmodSync(home, 0o755);
    expect(answer.code).toBe(2);
    expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code: "store_read_only" } });
  });

  test("full: import changes nothing, and a run that cannot publish says so and can be repeated", async () => {
    const folder = temporaryFolder();
    const { json, slowwave, home } = await filled(folder);
    const many = Array.from({ length: 60 }, (_, at) =>
      line({ thread_id: `t${at}`, raw_memory: `${at} ${"words of a memory. ".repeat(2_000)}` }),
    );
    writeFileSync(join(folder, "many.jsonl"), many.join("\n"));
    // No file may grow beyond 1 MB: to a program that is the same as a disk without room.
    const through = ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh"];
    const refused = await run(["import", join(folder, "many.jsonl"), "--json", "--home", home], { through });
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: expect.stringMatching(/^store_/) } });
    expect(await json("status")).toMatchObject({ value: { outputs: 1, backlog: 1 } });
    expect((await slowwave("run")).code).toBe(0);
  });
});

describe("a home that is the folder of another program", () => {
  const OTHERS: readonly (readonly [program: string, names: readonly string[]])[] = [
    ["Codex", ["state_5.sqlite"]],
    ["Codex", ["config.toml", "sessions"]],
    ["Claude Code", [".claude.json"]],
    ["Claude Code", ["projects", "history.jsonl"]],
    ["Gemini CLI", ["projects.json", "tmp"]],
    ["OpenCode", ["opencode.db"]],
  ];
  const folderWith = (names: readonly string[]) => {
    const folder = temporaryFolder();
    const home = join(folder, "home");
    mkdirSync(home);
    for (const name of names) writeFileSync(join(home, name), "another program's");
    return { folder, home };
  };

  test.each(OTHERS)(
    "of %s, told by %j, is refused by every command, and nothing is made in it",
    async (program, names) => {
      const { folder, home } = folderWith(names);
      const { json } = commandLine({ stdin }, folder);
      const message = `The folder ${home} is no home of Slowwave but holds what ${program} keeps (${names.join(", ")}); choose another with --home or SLOWWAVE_HOME.`;
      const backup = join(folder, "backup.db");
      for (const argv of [
        ["import", "-"],
        ["run"],
        ["status"],
        ["recover"],
        ["purge", "a", "--yes"],
        ["restore", backup],
      ]) {
        expect([argv, await json(...argv)]).toEqual([
          argv,
          { code: 2, value: { error: { code: "home_foreign", message, cause: null } } },
        ]);
      }
      const { code, value } = await json("doctor");
      const { checks } = value as { checks: { name: string; verdict: string }[] };
      expect({
        code,
        failed: checks.filter(({ verdict }) => verdict === "fail").map(({ name }) => name),
      }).toEqual({
        code: 1,
        failed: ["home"],
      });
      expect(readdirSync(home).sort()).toEqual([...names].sort());
    },
  );

  test("is refused by the library, too", async () => {
    const { home } = folderWith(["opencode.db"]);
    const store = openMemoryStore();
    const engine = createEngine({ store, agent: extractiveAgent(), home });
    await expect(engine.start({})).rejects.toMatchObject({ code: "home_foreign" });
    await engine.close();
    expect(readdirSync(home)).toEqual(["opencode.db"]);
  });

  test("stays a home of ours once it is one, and doctor says that it is shared", async () => {
    const { slowwave, home } = await filled();
    await slowwave("run");
    writeFileSync(join(home, ".claude.json"), "{}");
    expect((await slowwave("status")).code).toBe(0);
    expect((await slowwave("doctor")).stdout).toContain("the two may write the same files");
  });
});

describe("a memory root that is not ours to write", () => {
  const refused = async (root: string, { json }: Invoked) => {
    const before = await json("status");
    const answer = await json("run", "--memory-root", root);
    expect(await json("status")).toEqual(before);
    return { code: answer.code, error: (answer.value as { error: { code: string } }).error.code };
  };

  test("a file", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "root"), "mine");
    expect(await refused(join(folder, "root"), await filled(folder))).toEqual({
      code: 2,
      error: "root_not_a_folder",
    });
    expect(readFileSync(join(folder, "root"), "utf8")).toBe("mine");
  });

  test("a symlink", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "target"));
    symlinkSync(join(folder, "target"), join(folder, "root"));
    expect(await refused(join(folder, "root"), await filled(folder))).toEqual({
      code: 2,
      error: "root_symlink",
    });
    expect(readdirSync(join(folder, "target"))).toEqual([]);
  });

  test("a folder with other things in it", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "root"));
    writeFileSync(join(folder, "root", "photo.jpg"), "not a memory");
    expect(await refused(join(folder, "root"), await filled(folder))).toEqual({
      code: 2,
      error: "root_foreign_content",
    });
    expect(readdirSync(join(folder, "root"))).toEqual(["photo.jpg"]);
  });

  test("another home's", async () => {
    const first = await filled();
    const second = await filled();
    const root = join(first.home, "memories");
    expect((await first.slowwave("run")).code).toBe(0);
    const before = readFileSync(join(root, "MEMORY.md"), "utf8");
    expect(await refused(root, second)).toEqual({ code: 2, error: "root_other_home" });
    expect(readFileSync(join(root, "MEMORY.md"), "utf8")).toBe(before);
  });

  test("another space's of the same home", async () => {
    const made = await filled();
    await made.slowwave("import", "-", "--space", "b");
    expect((await made.slowwave("run")).code).toBe(0);
    const answer = await made.json("run", "--space", "b", "--memory-root", join(made.home, "memories"));
    expect(answer).toMatchObject({ code: 2, value: { error: { code: "root_other_space" } } });
  });
});

describe("a clock that jumps", () => {
  test.each([
    ["back by a day", -86_400_000],
    ["ahead by ten years", 315_360_000_000],
  ])("%s: new input is consolidated all the same", async (_, jumpMs) => {
    const { json, home } = await filled();
    expect(await json("run")).toMatchObject({ code: 0 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jumpMs });
    try {
      const later = commandLine({
        stdin: [line({ thread_id: "later", source_updated_at: "2026-10-01T00:00:00Z" })],
        env: { SLOWWAVE_HOME: home },
      });
      expect((await later.slowwave("import", "-")).code).toBe(0);
      expect(await later.json("run")).toMatchObject({ code: 0, value: { status: "succeeded", inputs: 2 } });
    } finally {
      vi.useRealTimers();
    }
  });

  test("ahead while a run failed, and back: status and doctor name the command that mends it", async () => {
    const { json, home, slowwave } = await filled();
    const db = new Database(join(home, "slowwave.db"));
    const retryAt = Math.floor(Date.now() / 1000) + 400 * 86_400 + 60;
    db.prepare("update jobs set status = 'error', last_error = 'failed_agent', retry_at = ?").run(retryAt);
    db.close();
    expect(await json("status")).toMatchObject({
      value: {
        advice: expect.stringMatching(/400 days, .*the clock jumped.*`slowwave run --now` tries at once/),
      },
    });
    const { value } = await json("doctor");
    expect((value as { checks: { name: string }[] }).checks.filter(({ name }) => name === "retry")).toEqual([
      {
        name: "retry",
        verdict: "warn",
        message:
          "space global is tried again only in 400 days, which a delay of 1 hour does not explain: the clock jumped, or the delay was longer then",
        mend: "slowwave run --now --space global",
      },
    ]);
    expect((await slowwave("run", "--now")).code).toBe(0);
    expect((await slowwave("doctor")).stdout).not.toContain("the clock jumped");
  });

  test("doctor sees that it went back", async () => {
    const { slowwave, home } = await filled();
    await slowwave("run");
    const earlier = commandLine({ nowMs: () => Date.now() - 7_200_000, env: { SLOWWAVE_HOME: home } });
    const { value } = await earlier.json("doctor");
    expect((value as { checks: { name: string }[] }).checks.find(({ name }) => name === "clock")).toEqual({
      name: "clock",
      verdict: "warn",
      message: "something was written 2 hours from now: the clock went back",
      mend: "timedatectl status",
    });
  });
});
