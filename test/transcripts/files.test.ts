import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { listSessions, READERS, type Surroundings } from "../../src/transcripts/index.ts";
import { freshFolder, lay, listed, readAll, sampleText, talk } from "./samples.ts";

const CODEX_ID = "01a21e3e-5bad-7003-98f7-5fe89757bd4c";
const ROLLOUT = `rollout-2026-11-27T18-22-13-${CODEX_ID}.jsonl`;
const CLAUDE = "90e8fce3-061f-45ef-941c-431a103557b8.jsonl";

function at(home: string, env: Surroundings["env"] = {}): Surroundings {
  return { env, home, platform: "linux" };
}

test("the agents' own settings say where their sessions are", () => {
  const env = {
    CLAUDE_CONFIG_DIR: "/c",
    CODEX_HOME: "/x",
    XDG_DATA_HOME: "/d",
    GEMINI_CLI_HOME: "/g",
    LOCALAPPDATA: "C:\\L",
  };
  const roots = (surroundings: Surroundings) =>
    Object.values(READERS).map((reader) => reader.roots(surroundings));
  expect(roots(at("/h"))).toEqual([
    ["/h/.claude"],
    ["/h/.codex"],
    ["/h/.gemini"],
    ["/h/.local/share/opencode"],
  ]);
  expect(roots(at("/h", env))).toEqual([["/c"], ["/x"], ["/g/.gemini"], ["/d/opencode"]]);
});

test("how long an agent keeps its sessions is read from its settings", async () => {
  const home = freshFolder();
  const days = () =>
    Promise.all(
      Object.values(READERS).map((reader) => reader.retentionDays(reader.roots(at(home))[0] ?? "")),
    );
  expect(await days()).toEqual([30, null, 30, null]);
  lay(home, {
    ".claude/settings.json": JSON.stringify({ cleanupPeriodDays: 99 }),
    ".gemini/settings.json": JSON.stringify({ general: { sessionRetention: { maxAge: "2w" } } }),
  });
  expect(await days()).toEqual([99, null, 14, null]);
});

test("nothing is found where nothing is, and old files are passed over when asked", async () => {
  const home = freshFolder();
  expect(await listed(listSessions(at(home)))).toEqual([]);
  lay(home, {
    [`.claude/projects/-w/${CLAUDE}`]: sampleText("claude-code-2.1.328-two-turns.jsonl"),
    ".claude/projects/-w/notes.jsonl": "{}\n",
  });
  utimesSync(join(home, ".claude/projects/-w", CLAUDE), 1_000, 1_000);
  expect((await listed(listSessions(at(home)))).length).toBe(1);
  expect(await listed(listSessions(at(home), { since: 2_000_000 }))).toEqual([]);
  expect(await listed(listSessions(at(home), { agents: ["codex"] }))).toEqual([]);
});

test("a symlink inside the root is not followed, the root itself may be one", async () => {
  const home = freshFolder();
  const text = sampleText("claude-code-2.1.328-two-turns.jsonl");
  lay(home, { [`elsewhere/${CLAUDE}`]: text, [`real/projects/-w/${CLAUDE}`]: text });
  symlinkSync(join(home, "real"), join(home, ".claude"));
  symlinkSync(join(home, "elsewhere"), join(home, "real/projects/-out"));
  symlinkSync(
    join(home, "elsewhere", CLAUDE),
    join(home, "real/projects/-w/80e8fce3-061f-45ef-941c-431a103557b8.jsonl"),
  );
  const files = await listed(listSessions(at(home)));
  expect(files.map(({ path }) => path)).toEqual([join(home, ".claude/projects/-w", CLAUDE)]);
  const [file] = files;
  if (file === undefined) throw new Error("no file");
  expect((await readAll(file)).utterances.length).toBe(7);
  const through = (path: string) => readAll({ ...file, path: join(home, ".claude/projects", path) });
  await expect(through(`-out/${CLAUDE}`)).rejects.toMatchObject({
    code: "session_unreadable",
    message: expect.stringMatching(/leads out/),
  });
  await expect(through("-w/80e8fce3-061f-45ef-941c-431a103557b8.jsonl")).rejects.toMatchObject({
    code: "session_unreadable",
    message: expect.stringMatching(/it is a symlink/),
  });
  await expect(through("-w/gone.jsonl")).rejects.toMatchObject({ code: "session_gone" });
});

test("what is no regular file is refused at once, a pipe without waiting for its other end", async () => {
  const home = freshFolder();
  mkdirSync(join(home, ".claude/projects/-w"), { recursive: true });
  const path = join(home, ".claude/projects/-w", CLAUDE);
  execFileSync("mkfifo", [path]);
  expect(await listed(listSessions(at(home)))).toEqual([]);
  const file = {
    agent: "claude",
    key: "claude-x",
    root: join(home, ".claude"),
    path,
    bytes: 0,
    inode: 0,
    changedAt: 0,
    fingerprint: "",
    kind: "session",
  } as const;
  await expect(readAll(file)).rejects.toMatchObject({
    code: "session_unreadable",
    message: expect.stringMatching(/not a regular file/),
  });
});

test.skipIf(zlib.zstdCompressSync === undefined)(
  "a packed Codex session is read as the plain one; where both are, the plain one is",
  async () => {
    const home = freshFolder();
    const text = sampleText("codex-0.169.0-two-turns.jsonl");
    const packed = zlib.zstdCompressSync(text);
    const day = ".codex/sessions/2026/11/27";
    lay(home, { [`${day}/${ROLLOUT}.zst`]: packed });
    const [file] = await listed(listSessions(at(home)));
    if (file === undefined) throw new Error("no file");
    const read = await readAll(file);
    expect(talk(read.utterances).filter((line) => line.startsWith("person")).length).toBe(2);
    const { cwd, saidAt, key } = await READERS.codex.describe(file);
    expect([cwd, saidAt, key]).toEqual([
      "/home/dev/demo-shop",
      Date.parse("2026-11-27T18:22:39.792Z"),
      CODEX_ID,
    ]);
    await expect(readAll(file, { limits: { fileBytes: 20_000 } })).rejects.toMatchObject({
      code: "session_too_large",
    });
    writeFileSync(file.path, packed.subarray(0, 900));
    await expect(readAll({ ...file, bytes: 900 })).rejects.toMatchObject({ code: "session_unreadable" });
    lay(home, { [`${day}/${ROLLOUT}`]: text });
    const both = await listed(listSessions(at(home)));
    expect(both.map(({ path }) => path.endsWith(".zst"))).toEqual([false]);
  },
);

test("OpenCode's database is read while OpenCode writes it, row by row, and never changed", async () => {
  const home = freshFolder();
  const folder = join(home, ".local/share/opencode");
  mkdirSync(folder, { recursive: true });
  const live = new Database(join(folder, "opencode.db"));
  live.pragma("journal_mode = wal");
  live.exec(sampleText("opencode-1.18.33-db.sql"));
  const [file] = await listed(listSessions(at(home)));
  if (file === undefined) throw new Error("no file");
  const before = live.pragma("data_version");
  expect((await readAll(file)).utterances.length).toBe(8);
  live.exec("UPDATE part SET time_updated = time_updated + 1000000 WHERE data LIKE '%\"tool\"%'");
  const [changed] = await listed(listSessions(at(home)));
  expect(changed?.fingerprint).not.toBe(file.fingerprint);
  expect(live.pragma("data_version")).toEqual(before);
  const short = await readAll(file, { limits: { lineBytes: 600 } });
  expect(short.report.tooLong).toBeGreaterThan(0);
  live.close();
});

test("a database that is not as we know it is told of, and refused by name", async () => {
  const home = freshFolder();
  const folder = join(home, ".local/share/opencode");
  mkdirSync(folder, { recursive: true });
  const odd = new Database(join(folder, "opencode.db"));
  odd.exec("CREATE TABLE session (id TEXT, words TEXT)");
  odd.close();
  writeFileSync(join(folder, "opencode-beta.db"), "no database at all");
  const files = await listed(listSessions(at(home)));
  expect(files.map(({ key }) => key)).toEqual(["opencode-in_opencode", "opencode-in_opencode_beta"]);
  for (const file of files) {
    await expect(READERS.opencode.describe(file)).rejects.toMatchObject({ code: "session_unknown_format" });
    await expect(readAll(file)).rejects.toMatchObject({ code: "session_unknown_format" });
  }
});

test("a hard link in the root is a file of the root; one that vanishes meanwhile is gone", async () => {
  const home = freshFolder();
  const path = join(home, ".claude/projects/-w", CLAUDE);
  lay(home, { "kept.jsonl": sampleText("claude-code-2.1.328-two-turns.jsonl"), ".claude/projects/-w/x": "" });
  linkSync(join(home, "kept.jsonl"), path);
  const [file] = await listed(listSessions(at(home)));
  if (file === undefined) throw new Error("no file");
  rmSync(path);
  expect(existsSync(path)).toBe(false);
  await expect(READERS.claude.describe(file)).rejects.toMatchObject({ code: "session_gone" });
  expect(readdirSync(join(home, ".claude/projects/-w"))).toEqual(["x"]);
});
