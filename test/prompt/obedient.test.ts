import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { phase2World, session, treeOf } from "../engine/phase2-world.ts";

/** A session as the evidence file shows it. */
interface Evidence {
  readonly file: string;
  readonly header: ReadonlyMap<string, string>;
}

/**
 * A model that knows nothing but the prompt: it takes folder and shapes from there, fills what stands in angle
 * brackets, and leaves out the lists that it has nothing for.
 */
const obedient: AgentFunction = async ({ prompt }) => {
  const workspace = JSON.parse(/as files, in ("(?:[^"\\]|\\.)*")\./.exec(prompt)?.[1] ?? '""') as string;
  const [handbook = "", summary = ""] = [...prompt.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(
    (match) => match[1] ?? "",
  );
  const evidence = await evidenceIn(workspace);
  await writeFile(join(workspace, "MEMORY.md"), filledHandbook(handbook, evidence));
  await writeFile(join(workspace, "memory_summary.md"), filledSummary(summary));
  return `took in ${evidence.length} sessions`;
};

async function evidenceIn(workspace: string): Promise<readonly Evidence[]> {
  const folder = join(workspace, "rollout_summaries");
  const files = (await readdir(folder)).sort();
  return Promise.all(
    files.map(async (file) => {
      const [head = ""] = (await readFile(join(folder, file), "utf8")).split("\n\n");
      const fields = head.split("\n").map((line) => line.split(": ", 2) as [string, string]);
      return { file, header: new Map(fields) };
    }),
  );
}

/** The first task of the template, with one bullet in each list. */
function filledHandbook(template: string, evidence: readonly Evidence[]): string {
  const citations = evidence.map(
    ({ file, header }) =>
      `- rollout_summaries/${file} (cwd=${header.get("cwd")}, rollout_path=${header.get("rollout_path")}, updated_at=${header.get("updated_at")}, thread_id=${header.get("thread_id")})`,
  );
  const values: Readonly<Record<string, string>> = {
    "# Task Group:": "# Task Group: shop",
    "scope:": "scope: work on the shop",
    "applies_to:": "applies_to: cwd=/home/dev/shop; reuse_rule=safe in this checkout",
    "## Task 1:": "## Task 1: facts about the shop",
    "- rollout_summaries/": citations.join("\n"),
    "- <word>": "- shop, fact",
    "- <what the user wants>": "- the user wants short answers [Task 1]",
    "- <fact, map": "- the shop keeps its facts in numbered notes [Task 1]",
    "- <symptom>": "- facts are missing -> the index is stale -> run `npm run index` [Task 1]",
  };
  return template
    .split("\n")
    .filter((line) => !line.startsWith("## Task 2"))
    .map((line) => Object.entries(values).find(([start]) => line.startsWith(start))?.[1] ?? line)
    .join("\n");
}

function filledSummary(template: string): string {
  return template
    .replace(/<who[^>]*>/, "Works on a shop.")
    .replace(/<what holds[^>]*>/, "Short answers.")
    .replace(/<what helps[^>]*>/, "Run `npm run index` when facts are missing.")
    .replace("<cwd or project>", "/home/dev/shop")
    .replace("<YYYY-MM-DD>", "2026-03-22")
    .replace("<topic>: <keywords as in the handbook>", "facts about the shop: shop, fact")
    .replace(/<what is there[^>]*>/, "where the facts are; look before work on them")
    .replace(/<the one or two[^>]*>/, "the index goes stale")
    .replace(/### Older Memory Topics\n.*\n/, "");
}

test("a model that does what the prompt says, and no more, passes the gate in its first turn, also in an update", async () => {
  const { open, root } = await phase2World();
  const { engine, store } = open(obedient);
  for (const sessions of [[session(1), session(2)], [session(3)]]) {
    await store.memories.upsert("global", sessions);
    const { outcome, findings, agent } = await (await engine.start({ space: "global" })).result;
    expect([outcome, findings, agent?.turns]).toEqual(["succeeded", [], 1]);
  }
  const tree = await treeOf(root);
  expect(tree?.["memory_summary.md"]?.split("\n")[0]).toBe("v1");
  expect(tree?.["MEMORY.md"]?.match(/thread_id=/g)).toHaveLength(3);
});
