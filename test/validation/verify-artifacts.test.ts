import { execFileSync } from "node:child_process";
import { link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readVerified } from "../../src/memory-files/staging.ts";
import { GATE_LIMITS } from "../../src/validation/candidate.ts";
import { desk, HANDBOOK, memory, tree } from "../workspace/bench.ts";

/** A run whose agent left a good memory, and somebody's file outside that must never be read or changed. */
async function workspace() {
  const d = await desk();
  const run = await d.begin("r1", [memory("a"), memory("b")]);
  const base = await run.sync();
  await run.agent(HANDBOOK);
  const outside = join(d.home, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "secret.md"), "v1\nnot for readers");
  const [summary = ""] = await readdir(join(run.workspace, "rollout_summaries"));
  return { ...d, run, base, outside, at: run.workspace, summary: `rollout_summaries/${summary}` };
}

type Place = Awaited<ReturnType<typeof workspace>>;

interface Case {
  readonly agent: string;
  readonly damage: (place: Place) => Promise<unknown>;
  readonly verdict: "passed" | "repairable" | "refused";
  readonly codes: readonly string[];
  /** The path of the first finding. */
  readonly path?: string | null;
}

const write = (path: string, content: string | Uint8Array) => async (place: Place) => {
  await mkdir(join(place.at, path, ".."), { recursive: true });
  await writeFile(join(place.at, path), content);
};
const gone = (path: string) => (place: Place) => rm(join(place.at, path), { recursive: true });
const all =
  (...steps: readonly Case["damage"][]): Case["damage"] =>
  async (place) => {
    for (const step of steps) await step(place);
  };
const linked = (path: string, target = "secret.md") =>
  all(
    (place) => rm(join(place.at, path), { recursive: true, force: true }),
    async (place) => {
      await mkdir(join(place.at, path, ".."), { recursive: true });
      await symlink(join(place.outside, target), join(place.at, path));
    },
  );
const hardLinked = (path: string) =>
  all(
    (place) => rm(join(place.at, path), { force: true }),
    (place) => link(join(place.outside, "secret.md"), join(place.at, path)),
  );
const fifo = (path: string) => async (place: Place) => {
  await rm(join(place.at, path), { recursive: true, force: true });
  execFileSync("mkfifo", [join(place.at, path)]);
};
const size = (bytes: number) => "v1\n".padEnd(bytes, "x");

const REPAIRABLE: readonly Case[] = [
  {
    agent: "no handbook",
    damage: gone("MEMORY.md"),
    verdict: "repairable",
    codes: ["missing_file"],
    path: "MEMORY.md",
  },
  { agent: "no summary", damage: gone("memory_summary.md"), verdict: "repairable", codes: ["missing_file"] },
  {
    agent: "an empty handbook",
    damage: write("MEMORY.md", ""),
    verdict: "repairable",
    codes: ["missing_file"],
  },
  {
    agent: "a summary of another version",
    damage: write("memory_summary.md", "v2\n"),
    verdict: "repairable",
    codes: ["summary_version"],
  },
  {
    agent: "a summary that begins later",
    damage: write("memory_summary.md", "\nv1\n"),
    verdict: "repairable",
    codes: ["summary_version"],
  },
  {
    agent: "a first line with more on it",
    damage: write("memory_summary.md", "v1 \n"),
    verdict: "repairable",
    codes: ["summary_version"],
  },
  {
    agent: "a summary with NUL",
    damage: write("memory_summary.md", "v1\n\0"),
    verdict: "repairable",
    codes: ["not_text"],
  },
  {
    agent: "a handbook in UTF-16",
    damage: write("MEMORY.md", Buffer.from("\ufeffabc", "utf16le")),
    verdict: "repairable",
    codes: ["not_text"],
  },
  {
    agent: "a skill that is a binary",
    damage: write("skills/s/tool", Buffer.from([0x7f, 0x45, 0xff, 0])),
    verdict: "repairable",
    codes: ["not_text"],
    path: "skills/s/tool",
  },
  {
    agent: "a summary that is a symlink to a fine one",
    damage: linked("memory_summary.md"),
    verdict: "repairable",
    codes: ["not_regular_file"],
  },
  {
    agent: "a handbook that is a dangling symlink",
    damage: linked("MEMORY.md", "nothing"),
    verdict: "repairable",
    codes: ["not_regular_file"],
  },
  {
    agent: "a symlink in a skill",
    damage: linked("skills/s/SKILL.md"),
    verdict: "repairable",
    codes: ["not_regular_file"],
  },
  {
    agent: "a hard link to somebody's file",
    damage: hardLinked("MEMORY.md"),
    verdict: "repairable",
    codes: ["not_regular_file"],
  },
  {
    agent: "a pipe for a handbook",
    damage: fifo("MEMORY.md"),
    verdict: "repairable",
    codes: ["not_regular_file"],
  },
  {
    agent: "a folder for a handbook",
    damage: all(gone("MEMORY.md"), write("MEMORY.md/x", "y")),
    verdict: "repairable",
    codes: ["missing_file", "leftover_removed"],
  },
  {
    agent: "a summary that is too large",
    damage: write("memory_summary.md", size(GATE_LIMITS.summaryBytes + 1)),
    verdict: "repairable",
    codes: ["file_too_large"],
  },
  {
    agent: "a handbook that is too large",
    damage: write("MEMORY.md", size(GATE_LIMITS.handbookBytes + 1)),
    verdict: "repairable",
    codes: ["file_too_large"],
  },
  {
    agent: "a handbook of nothing but line breaks",
    damage: write("MEMORY.md", Buffer.from("x\n".repeat(GATE_LIMITS.lines))),
    verdict: "repairable",
    codes: ["too_many_lines"],
  },
  {
    agent: "skills that are too large together",
    damage: all(
      ...Array.from({ length: 17 }, (_, n) => write(`skills/s/${n}.md`, size(GATE_LIMITS.skillFileBytes))),
    ),
    verdict: "repairable",
    codes: ["memory_too_large"],
    path: null,
  },
  {
    agent: "names that differ in case",
    damage: all(write("skills/s/SKILL.md", "a"), write("skills/s/skill.md", "b")),
    verdict: "repairable",
    codes: ["path_collision"],
    path: "skills/s/skill.md",
  },
  {
    agent: "folders that differ in case",
    damage: all(write("skills/s/a.md", "a"), write("skills/S/b.md", "b")),
    verdict: "repairable",
    codes: ["path_collision"],
  },
  {
    agent: "names that differ in Unicode form",
    damage: all(write("skills/s/\u00e9.md", "a"), write("skills/s/e\u0301.md", "b")),
    verdict: "repairable",
    codes: ["path_collision"],
  },
  {
    agent: "names that differ as ß and ss do",
    damage: all(write("skills/s/ß.md", "a"), write("skills/s/SS.md", "b")),
    verdict: "repairable",
    codes: ["path_collision"],
  },
];

const MENDED: readonly Case[] = [
  {
    agent: "lines that end as on Windows",
    damage: write("memory_summary.md", "v1\r\nx\r\n"),
    verdict: "passed",
    codes: ["hidden_text"],
  },
  {
    agent: "a byte order mark",
    damage: write("memory_summary.md", "\ufeffv1\n"),
    verdict: "passed",
    codes: ["hidden_text"],
  },
  { agent: "nothing unusual", damage: async () => {}, verdict: "passed", codes: [] },
  {
    agent: "a summary with nothing but its version",
    damage: write("memory_summary.md", "v1"),
    verdict: "passed",
    codes: [],
  },
  {
    agent: "a helper script beside the memory",
    damage: write("build.py", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
    path: "build.py",
  },
  {
    agent: "a folder of helpers",
    damage: all(write("tmp/a", "x"), write("tmp/b/c", "y")),
    verdict: "passed",
    codes: ["leftover_removed"],
    path: "tmp",
  },
  {
    agent: "a repository",
    damage: write(".git/config", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
    path: ".git",
  },
  {
    agent: "a symlink among the helpers",
    damage: linked("tmp.md"),
    verdict: "passed",
    codes: ["leftover_removed"],
  },
  {
    agent: "a hidden file in a skill",
    damage: write("skills/s/.bashrc", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
  },
  {
    agent: "a file beside the skills",
    damage: write("skills/readme.md", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
  },
  {
    agent: "skills that are a symlink",
    damage: linked("skills", "."),
    verdict: "passed",
    codes: ["leftover_removed"],
  },
  {
    agent: "a name with an escape sequence",
    damage: write("skills/s/\u001b[2Jx", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
    path: "skills/s/\ufffd[2Jx",
  },
  {
    agent: "a name with a bidirectional override",
    damage: write("skills/s/a\u202egnp.md", "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
    path: "skills/s/a\ufffdgnp.md",
  },
  {
    agent: "a very deep folder",
    damage: write(`skills/${"d/".repeat(12)}x.md`, "x"),
    verdict: "passed",
    codes: ["leftover_removed"],
  },
  {
    agent: "a changed raw_memories.md",
    damage: write("raw_memories.md", "# Raw Memories\n"),
    verdict: "passed",
    codes: ["host_file_altered"],
    path: "raw_memories.md",
  },
  {
    agent: "no raw_memories.md",
    damage: gone("raw_memories.md"),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "raw_memories.md as a symlink",
    damage: linked("raw_memories.md"),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "raw_memories.md as a folder",
    damage: all(gone("raw_memories.md"), write("raw_memories.md/x", "y")),
    verdict: "passed",
    codes: ["leftover_removed", "host_file_altered"],
  },
  {
    agent: "a changed rollout summary",
    damage: (place) => write(place.summary, "thread_id: forged\n")(place),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "a rollout summary as a pipe",
    damage: (place) => fifo(place.summary)(place),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "a rollout summary of its own",
    damage: write("rollout_summaries/forged.md", "x"),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "a symlink among the summaries",
    damage: linked("rollout_summaries/forged.md"),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "no summaries at all",
    damage: gone("rollout_summaries"),
    verdict: "passed",
    codes: ["host_file_altered"],
  },
  {
    agent: "summaries moved away behind a symlink",
    damage: all(
      (place) => rename(join(place.at, "rollout_summaries"), join(place.outside, "moved")),
      linked("rollout_summaries", "moved"),
    ),
    verdict: "passed",
    codes: ["leftover_removed", "host_file_altered"],
  },
];

describe("the gate, when the agent leaves", () => {
  test.each([...REPAIRABLE, ...MENDED])("$agent", async ({ damage, verdict, codes, path }) => {
    const place = await workspace();
    const { run, base, outside } = place;
    const good = await tree(run.workspace);
    await damage(place);
    const outsideBefore = await tree(outside);
    const answer = await run.verify(base);
    expect({ verdict: answer.verdict, codes: answer.codes }).toEqual({ verdict, codes });
    expect(answer.findings).toBe(run.findings.length);
    if (path !== undefined) expect(run.findings[0]?.path).toBe(path);
    expect(await tree(outside)).toEqual(outsideBefore);
    if (verdict === "passed") {
      expect((await readVerified(run.deps))?.map((entry) => entry.path)).toEqual(Object.keys(good ?? {}));
      expect((await run.publish(base)).kind).toBe("published");
      expect(Object.keys((await tree(place.root)) ?? {})).toEqual(Object.keys(good ?? {}));
    } else {
      expect(await readVerified(run.deps)).toBeNull();
      await expect(run.publish(base)).rejects.toMatchObject({ code: "gate_refused" });
      expect(await tree(place.root)).toBeNull();
    }
  });

  test("what can be repaired says so, exactly; what is mended asks nothing of the agent", async () => {
    const { run, base } = await workspace();
    await run.agent({ "memory_summary.md": "hello\n", "notes.txt": "x", "raw_memories.md": "x" });
    await run.verify(base);
    expect(run.findings).toEqual([
      {
        code: "summary_version",
        severity: "repair",
        path: "memory_summary.md",
        message: 'memory_summary.md does not begin with the line "v1".',
        repair:
          "The first line of memory_summary.md must be exactly v1, with nothing before or after it on that line.",
      },
      {
        code: "leftover_removed",
        severity: "warn",
        path: "notes.txt",
        message: "notes.txt is not part of a memory and was removed.",
        repair: null,
      },
      {
        code: "host_file_altered",
        severity: "warn",
        path: "raw_memories.md",
        message: "raw_memories.md was changed by the agent and restored.",
        repair: null,
      },
    ]);
    // A repair turn later, what was mended is not found again.
    await run.agent({ "memory_summary.md": "v1\n" });
    expect(await run.verify(base)).toEqual({ verdict: "passed", findings: 0, codes: [] });
  });

  test("host files are restored byte for byte", async () => {
    const { run, base, summary } = await workspace();
    const good = await tree(run.workspace);
    await run.agent({ "raw_memories.md": "x", [summary]: null, "rollout_summaries/more.md": "x" });
    await run.verify(base);
    expect(await tree(run.workspace)).toEqual(good);
  });

  test("a verdict of an earlier turn doesn't outlive a later one", async () => {
    const { run, base } = await workspace();
    await run.verify(base);
    await run.agent({ "memory_summary.md": null });
    expect((await run.verify(base)).verdict).toBe("repairable");
    expect(await readVerified(run.deps)).toBeNull();
    await run.sync();
    expect(await readVerified(run.deps)).toBeNull();
  });

  test("more faults than anyone reads: all are counted, the first hundred told", async () => {
    const { run, base } = await workspace();
    await run.agent(Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`helper-${n}`, "x"])));
    expect(await run.verify(base)).toEqual({ verdict: "passed", findings: 150, codes: ["leftover_removed"] });
    expect(run.findings).toHaveLength(100);
    expect(await readdir(run.workspace)).toEqual([
      "MEMORY.md",
      "memory_summary.md",
      "raw_memories.md",
      "rollout_summaries",
    ]);
  });

  test("a workspace that is itself a symlink is an error, and nothing behind it is read", async () => {
    const { run, base, outside, at } = await workspace();
    await rm(at, { recursive: true });
    await symlink(outside, at);
    await expect(run.verify(base)).rejects.toMatchObject({ code: "workspace_replaced" });
    expect(await readFile(join(outside, "secret.md"), "utf8")).toBe("v1\nnot for readers");
  });

  test("a workspace that is gone is told in words", async () => {
    const { run, base, at } = await workspace();
    await rm(at, { recursive: true });
    await expect(run.verify(base)).rejects.toMatchObject({
      code: "workspace_replaced",
      message: "The agent took its workspace away, or put something else in its place; run again.",
    });
  });
});
