import { readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandLine } from "../cli/invoke.ts";
import { phase2World, session } from "../engine/phase2-world.ts";

/** The code blocks of a page that are of this language. */
function blocksOf(page: string, language: string): readonly string[] {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(
    ([, code = ""]) => code,
  );
}

test("the line on the page of inputs is taken as it stands", async () => {
  const [example = ""] = blocksOf("docs/input-format.md", "json");
  const { json } = commandLine({ stdin: [example] });
  expect(await json("import", "-")).toMatchObject({ code: 0, value: { imported: 1, rejected: [] } });
});

test("the files on the page of memories pass the gate without a finding", async () => {
  const [summary = "", handbook = ""] = blocksOf("docs/memory-format.md", "markdown");
  const { open } = await phase2World();
  const { store, engine } = open(async ({ workspace }) => {
    const [name = ""] = await readdir(join(workspace, "rollout_summaries"));
    await writeFile(join(workspace, "memory_summary.md"), summary);
    const written = handbook.replace(/rollout_summaries\/\S+\.md/, `rollout_summaries/${name}`);
    await writeFile(join(workspace, "MEMORY.md"), written);
    return "done";
  });
  await store.memories.upsert("global", [session(1)]);
  const { status, findings } = await (await engine.start()).result;
  expect({ status, findings }).toEqual({ status: "succeeded", findings: [] });
});
