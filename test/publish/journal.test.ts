import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { publishSteps, rollForward, wavesOf } from "../../src/memory-files/publish.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { publishMemory, verifyArtifacts } from "../../src/services/publish-memory.ts";
import { syncRawMemories, syncSummaries } from "../../src/services/sync-inputs.ts";
import { answerOf, change, desk, HANDBOOK, memory, temporaryFolder, tree } from "../workspace/bench.ts";
import { diaryOf, dyingAt, frailFiles } from "../workspace/frail-files.ts";

const manifest = (files: Record<string, string>) =>
  Object.entries(files)
    .map(([path, hash]) => ({ path, hash, bytes: 1 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));

describe("the order of a journal", () => {
  const before = manifest({
    "MEMORY.md": "1",
    "memory_summary.md": "1",
    "raw_memories.md": "1",
    "rollout_summaries/a.md": "1",
    "skills/a/SKILL.md": "1",
  });
  const after = manifest({
    "MEMORY.md": "2",
    "memory_summary.md": "2",
    "raw_memories.md": "2",
    "rollout_summaries/b.md": "2",
    "skills/b/SKILL.md": "2",
  });
  const told = (steps: ReturnType<typeof publishSteps>) => steps.map((step) => `${step.do} ${step.path}`);

  test("what is referred to comes before what refers to it, and goes after it", () => {
    const steps = publishSteps(before, after);
    expect(told(steps)).toEqual([
      "write rollout_summaries/b.md",
      "write skills/b/SKILL.md",
      "write raw_memories.md",
      "write MEMORY.md",
      "write memory_summary.md",
      "delete skills/a/SKILL.md",
      "delete rollout_summaries/a.md",
    ]);
    expect(wavesOf(steps)).toHaveLength(7);
    expect(told(publishSteps(before, []))).toEqual([
      "delete memory_summary.md",
      "delete MEMORY.md",
      "delete raw_memories.md",
      "delete skills/a/SKILL.md",
      "delete rollout_summaries/a.md",
    ]);
  });

  test("steps of one kind at one place may run forEachConcurrent", () => {
    const many = manifest({ "rollout_summaries/a.md": "1", "rollout_summaries/b.md": "1", "MEMORY.md": "1" });
    expect(wavesOf(publishSteps([], many)).map((wave) => wave.length)).toEqual([2, 1]);
  });

  test("unchanged files have no step", () => {
    expect(publishSteps(before, before)).toEqual([]);
  });

  test("what stands in the way goes first", () => {
    const [one, two] = [
      manifest({ "skills/s/a": "1", "skills/s/b/c": "1" }),
      manifest({ "skills/s/a/x": "2", "skills/s/b": "2" }),
    ];
    expect(told(publishSteps(one, two))).toEqual([
      "delete skills/s/a",
      "delete skills/s/b/c",
      "write skills/s/a/x",
      "write skills/s/b",
    ]);
  });
});

const ONE = {
  ...HANDBOOK,
  "skills/old/SKILL.md": "old",
  "skills/swap/a": "file",
  "skills/swap/b/c": "below",
};
const TWO = {
  "MEMORY.md": "# Second\n",
  "skills/old": null,
  "skills/swap/a": null,
  "skills/swap/a/x": "now below",
  "skills/swap/b": null,
  "skills/new/deep/er/file.md": "new",
};

/** A home with one generation published, and a second one verified and ready. */
async function ready(store = openMemoryStore()) {
  const d = await desk({ store });
  await (await d.begin("r1", [memory("a"), memory("b")])).complete(ONE);
  const before = await tree(d.root);
  const run = await d.begin("r2", [memory("b"), memory("c")]);
  const base = await run.sync();
  await run.agent(TWO);
  await run.agent({ "skills/swap/b": "now a file" });
  expect(await run.verify(base)).toEqual({ verdict: "passed", findings: 0, codes: [] });
  const after = await tree(run.workspace);
  return { ...d, run, base, before, after };
}

/** How many changes of the root one publish makes, in the same situation. */
async function changesOfAPublish() {
  const { run, base } = await ready();
  const files = frailFiles();
  await run.again({ files }).publish(base);
  return files.done.length;
}

const temporaries = async (root: string) =>
  (await readdir(root, { recursive: true })).filter((name) => name.includes(".slowwave-"));

describe("a publish that stops after its point of no return", () => {
  test("at any change of a file: whoever comes next ends it whole, and nothing is left over", async () => {
    const count = await changesOfAPublish();
    expect(count).toBeGreaterThan(15);
    for (let n = 1; n <= count; n += 1) {
      const { run, base, after, root, store } = await ready();
      const dying = run.again({ files: frailFiles(dyingAt(n)) });
      await expect(dying.publish(base), `change ${n}`).rejects.toMatchObject({ code: "root_write_failed" });
      expect(await store.generations.openJournal("global"), `change ${n}`).not.toBeNull();
      expect(await run.again().publish(base)).toEqual({ kind: "published", generation: "r2-published" });
      expect(await tree(root), `change ${n}`).toEqual(after);
      expect(await temporaries(root), `change ${n}`).toEqual([]);
      expect(await store.generations.openJournal("global")).toBeNull();
    }
  });

  test("twice, the second time while it is brought to its end", async () => {
    const count = await changesOfAPublish();
    for (const n of [3, Math.floor(count / 2)]) {
      for (let m = 1; m <= count - n; m += 6) {
        const { run, base, after, root } = await ready();
        await expect(run.again({ files: frailFiles(dyingAt(n)) }).publish(base)).rejects.toThrow();
        await run
          .again({ files: frailFiles(dyingAt(m)) })
          .publish(base)
          .catch(() => {});
        await run.again().publish(base);
        expect(await tree(root), `${n} then ${m}`).toEqual(after);
      }
    }
  });

  test("the next run ends it before it looks at the root", async () => {
    const { run, base, after, root, store, begin } = await ready();
    await expect(run.again({ files: frailFiles(dyingAt(9)) }).publish(base)).rejects.toThrow();
    await run.end();
    const next = await begin("r3", [memory("c")]);
    expect(await next.summaries()).toEqual({ base: "r2-published" });
    expect(await tree(root)).toEqual(after);
    expect(next.findings).toEqual([]);
    expect((await store.generations.list("global", 9)).map(({ id }) => id)).toEqual([
      "r2-published",
      "r1-published",
    ]);
  });

  test.each(["ENOSPC", "EACCES", "EIO"])(
    "%s at any change: the journal stays open, the error says what to do, and a repetition ends whole",
    async (code) => {
      const count = await changesOfAPublish();
      let failures = 0;
      for (let n = 4; n <= count; n += code === "ENOSPC" ? 3 : 9) {
        const { run, base, after, root } = await ready();
        const full = frailFiles((at, { kind }) => {
          if (at === n && (code !== "ENOSPC" || kind === "create")) {
            throw Object.assign(new Error(`${code}: it went wrong`), { code });
          }
        }, code === "ENOSPC");
        const failed = await run
          .again({ files: full })
          .publish(base)
          .catch((error: unknown) => error);
        if (failed instanceof Error) {
          failures += 1;
          expect(failed).toMatchObject({
            code: "root_write_failed",
            message: `The memory folder ${root} could not be written; mend that and run again: it continues where it stopped.`,
            cause: { code },
          });
          expect(await temporaries(root)).toEqual([]);
        }
        await run.again().publish(base);
        expect(await tree(root), `${code} at ${n}`).toEqual(after);
      }
      expect(failures).toBeGreaterThan(0);
    },
  );

  test("the same on a real database", async () => {
    const store = await openSqliteStore({ path: join(await temporaryFolder(), "slowwave.db") });
    try {
      const { run, base, after, root } = await ready(store);
      await expect(run.again({ files: frailFiles(dyingAt(7)) }).publish(base)).rejects.toThrow();
      await run.again().publish(base);
      expect(await tree(root)).toEqual(after);
    } finally {
      await store.close();
    }
  });

  test("at a place the memory has left since: the new place is not held up", async () => {
    const { run, base, after, root, store, begin, home } = await ready();
    await expect(run.again({ files: frailFiles(dyingAt(9)) }).publish(base)).rejects.toThrow();
    await run.end();
    // The old folder is somebody else's by now, and no write to it can succeed.
    await rm(root, { recursive: true });
    await writeFile(root, "a file");
    const next = await begin("r3", [memory("b"), memory("c")]);
    const moved = join(home, "moved");
    const deps = { ...next.deps, places: { ...next.deps.places, root: moved } };
    const input = { run: "r3", space: "global" };
    expect(await answerOf(syncSummaries(deps), input)).toEqual({
      base: "r2-published",
      workspace: "worker",
    });
    expect(await store.generations.openJournal("global")).toBeNull();
    await answerOf(syncRawMemories(deps), { ...input, base: "r2-published" });
    await answerOf(verifyArtifacts(deps), { ...input, base: "r2-published", repairsLeft: 2 });
    await answerOf(publishMemory(deps), { ...input, base: "r2-published" });
    expect(await tree(moved)).toEqual(after);
    expect(await readFile(root, "utf8")).toBe("a file");
  });

  test("a person's edit that came after the commit stays, and the next run keeps it", async () => {
    const { run, base, after, root, begin } = await ready();
    await expect(run.again({ files: frailFiles(dyingAt(4)) }).publish(base)).rejects.toThrow();
    await change(root, { "MEMORY.md": "# Person\n", "skills/old/SKILL.md": "person" });
    await run.again().publish(base);
    const expected = { ...after, "MEMORY.md": "# Person\n", "skills/old/SKILL.md": "person" };
    expect(await tree(root)).toEqual(expected);
    await run.end();
    const next = await begin("r3", [memory("c")]);
    expect((await next.summaries()).base).toMatch(/^r3-edited-/);
  });
});

describe("before the point of no return", () => {
  test("a store that fails leaves root, generations and journal as they were", async () => {
    const { run, base, before, root, store } = await ready();
    const broken: typeof store.generations = {
      ...store.generations,
      commit: () => Promise.reject(new Error("disk I/O error")),
    };
    const deps = { ...run.deps, store: { ...store, generations: broken } };
    await expect(answerOf(publishMemory(deps), { run: "r2", space: "global", base })).rejects.toThrow(
      "disk I/O",
    );
    expect(await tree(root)).toEqual(before);
    expect(await store.generations.openJournal("global")).toBeNull();
    // The lock is free again.
    expect(await run.publish(base)).toEqual({ kind: "published", generation: "r2-published" });
  });
});

test("for a power cut: bytes before their name, names before what refers to them, all before the journal closes", async () => {
  const { run, base, root, store } = await ready();
  const files = diaryOf(root);
  const { diary } = files;
  const generations: typeof store.generations = {
    ...store.generations,
    closeJournal: async (id) => {
      diary.push("close");
      await store.generations.closeJournal(id);
    },
  };
  const deps = { ...run.deps, files, store: { ...store, generations } };
  await answerOf(publishMemory(deps), { run: "r2", space: "global", base });
  const plain = diary
    .filter((line) => !line.startsWith("/") && !line.includes("staging"))
    .map((line) => line.replace(/\.slowwave-t\d+/, "TEMP").replace(/rollout_summaries\/\d\S*/, "SUMMARY"));
  expect(plain).toEqual([
    "remove skills/swap/a",
    "sync skills/swap/",
    "remove skills/swap/b/c",
    "sync skills/swap/b/",
    "sync skills/swap/",
    "sync skills/",
    "sync ",
    "create! rollout_summaries/TEMP",
    "rename rollout_summaries/TEMP SUMMARY",
    "sync rollout_summaries/",
    "make skills/new",
    "sync skills/",
    "make skills/new/deep",
    "sync skills/new/",
    "make skills/new/deep/er",
    "sync skills/new/deep/",
    "create! skills/new/deep/er/TEMP",
    "rename skills/new/deep/er/TEMP skills/new/deep/er/file.md",
    "sync skills/new/deep/er/",
    // Emptied by the two removals above, it had gone with them.
    "make skills/swap",
    "sync skills/",
    "make skills/swap/a",
    "sync skills/swap/",
    "create! skills/swap/a/TEMP",
    "rename skills/swap/a/TEMP skills/swap/a/x",
    "sync skills/swap/a/",
    "create! skills/swap/TEMP",
    "rename skills/swap/TEMP skills/swap/b",
    "sync skills/swap/",
    "create! TEMP",
    "rename TEMP raw_memories.md",
    "sync ",
    "create! TEMP",
    "rename TEMP MEMORY.md",
    "sync ",
    "remove skills/old/SKILL.md",
    "sync skills/old/",
    "sync skills/",
    "sync ",
    "remove SUMMARY",
    "sync rollout_summaries/",
    "create! TEMP",
    "rename TEMP .slowwave",
    "sync ",
    "close",
  ]);
});

test("rolling a finished journal forward again changes nothing", async () => {
  const { run, base, root } = await ready();
  await run.publish(base);
  const whole = await tree(root);
  const generation = "r2-published";
  const [before, after] = await Promise.all(
    ["r1-published", generation].map((id) => run.deps.store.generations.manifest(id)),
  );
  const files = frailFiles();
  const journal = { space: "global", root, generation, steps: publishSteps(before ?? [], after ?? []) };
  await rollForward({ ...run.deps, files }, journal);
  // A folder that a deletion may have emptied is tried, and stays while anything is in it.
  expect(files.done.filter(({ kind }) => kind !== "removeFolder")).toEqual([]);
  expect(await tree(root)).toEqual(whole);
});
