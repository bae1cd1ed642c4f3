import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { session } from "../engine/phase2-world.ts";

/** Homes on one store, each with a folder of its own; the agent keeps what the handbook says and adds a word. */
async function fleet() {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = openMemoryStore();
  let word = "";
  const agent = functionAgent(async ({ workspace }) => {
    const old = await readFile(join(workspace, "MEMORY.md"), "utf8").catch(() => "");
    const names = await readdir(join(workspace, "rollout_summaries"));
    const lines = [
      "# Task Group: shop",
      "scope: work on the shop",
      "applies_to: cwd=/srv/shop; reuse_rule=here",
      "",
      "## Task 1: fix parts",
      "### rollout_summary_files",
      ...names.map((name) => `- rollout_summaries/${name} (cwd=/srv/shop)`),
      "### keywords",
      "- shop, parts",
      "",
      "## Reusable knowledge",
      ...old.split("\n").filter((line) => line.startsWith("- learned")),
      `- learned ${word} [Task 1]`,
    ];
    await writeFile(join(workspace, "MEMORY.md"), `${lines.join("\n")}\n`);
    await writeFile(join(workspace, "memory_summary.md"), "v1\n\n## What's in Memory\n- shop: shop, parts\n");
  });
  let count = 0;
  const handbook = (machine: string) => join(folder, machine, "memories", "MEMORY.md");
  return {
    store,
    handbook,
    /** One more session, consolidated on this machine: what the handbook there says then. */
    async run(machine: string, fact: string) {
      word = fact;
      count += 1;
      await store.memories.upsert("global", [session(count)]);
      const engine = createEngine({ store, agent, home: join(folder, machine) });
      const { status, findings } = await (await engine.start({ space: "global" })).result;
      await engine.close();
      const text = await readFile(handbook(machine), "utf8");
      const facts = text
        .split("\n")
        .flatMap((line) => /^- (?:learned )?(\w+)( \[Task 1\])?$/.exec(line)?.[1] ?? []);
      return {
        status,
        facts: facts.filter((name) => name !== "shop"),
        codes: findings.map(({ code }) => code),
      };
    },
  };
}

test("a folder that another machine has left behind is brought up to date, and no edit of a person's", async () => {
  const { store, run } = await fleet();
  const outcomes = [await run("a", "A1"), await run("b", "B1"), await run("b", "B2"), await run("a", "A2")];
  expect(outcomes.map(({ facts }) => facts)).toEqual([
    ["A1"],
    ["A1", "B1"],
    ["A1", "B1", "B2"],
    ["A1", "B1", "B2", "A2"],
  ]);
  expect(outcomes.map(({ codes }) => codes)).toEqual([[], [], [], ["root_behind"]]);
  const kinds = (await store.generations.list("global", 9)).map(({ kind }) => kind);
  expect(kinds).toEqual(Array(4).fill("published"));
});

test("what a person changes in a folder that is behind goes on top of what the others published", async () => {
  const { handbook, run } = await fleet();
  await run("a", "A1");
  await run("b", "B1");
  await writeFile(handbook("a"), `${await readFile(handbook("a"), "utf8")}- Mine\n`);
  expect((await run("a", "A2")).facts).toEqual(["A1", "Mine", "B1", "A2"]);
  expect((await run("b", "B2")).facts).toEqual(["A1", "Mine", "B1", "A2", "B2"]);
});

test("a folder whose generation the database does not know is kept first, and the run says so", async () => {
  const one = await fleet();
  const other = await fleet();
  await one.run("a", "A1");
  await other.run("a", "newer");
  const [newer] = await other.store.generations.list("global", 1);
  const mark = join(one.handbook("a"), "..", ".slowwave");
  const { home, space } = JSON.parse(await readFile(mark, "utf8")) as { home: string; space: string };
  await writeFile(mark, JSON.stringify({ home, space, generation: newer?.id }));
  await writeFile(one.handbook("a"), await readFile(other.handbook("a"), "utf8"));
  const { codes } = await one.run("a", "A2");
  expect(codes).toContain("root_ahead");
  const [, kept] = await one.store.generations.list("global", 2);
  expect(kept?.kind).toBe("adopted");
  const entry = (await one.store.generations.manifest(kept?.id ?? ""))?.find(
    ({ path }) => path === "MEMORY.md",
  );
  const text = Buffer.from((await one.store.generations.blob(entry?.hash ?? "")) ?? []).toString();
  expect(text).toContain("- learned newer [Task 1]");
});
