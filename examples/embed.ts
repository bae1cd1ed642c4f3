/**
 * A host with an agent of its own: here a plain function that writes the two memory files. Put a call to your
 * model in its place.
 *
 *   node examples/embed.ts
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "slowwave";
import { functionAgent } from "slowwave/agents";
import { openSqliteStore } from "slowwave/sqlite";

const home = await mkdtemp(join(tmpdir(), "slowwave-embed-"));
const store = await openSqliteStore({ path: join(home, "slowwave.db") });

await store.memories.upsert("global", [
  {
    threadId: "019a0000-0000-7000-8000-000000000001",
    sourceUpdatedAt: 1_774_212_000,
    rawMemory: "Preference signals:\n- keep answers short\n",
    rolloutSummary: "# Renamed a package\n\nThe user asked for short answers.",
    cwd: "/home/dev/shop",
  },
]);

const agent = functionAgent(async ({ workspace, report }) => {
  const names = await readdir(join(workspace, "rollout_summaries"));
  report(`reading ${names.length} summary`);
  const notes = await readFile(join(workspace, "raw_memories.md"), "utf8");
  const wish = /- (.+)/.exec(notes)?.[1] ?? "nothing yet";
  await writeFile(
    join(workspace, "MEMORY.md"),
    [
      "# Task Group: shop",
      "scope: work on the shop",
      "applies_to: cwd=/home/dev/shop; reuse_rule=safe in this checkout",
      "",
      "## Task 1: rename a package",
      "### rollout_summary_files",
      ...names.map((name) => `- rollout_summaries/${name} (cwd=/home/dev/shop)`),
      "### keywords",
      "- shop, package",
      "",
      "## User preferences",
      `- ${wish} [Task 1]`,
      "",
    ].join("\n"),
  );
  await writeFile(
    join(workspace, "memory_summary.md"),
    `v1\n\n## User preferences\n- ${wish}\n\n## What's in Memory\n- shop, package\n`,
  );
  return "done";
});

const engine = createEngine({ store, agent, home });
await engine.recover();

const run = await engine.start({ space: "global" });
run.events$.subscribe((event) => {
  if (event.type === "state.entered") console.log(`  ${event.state}`);
  if (event.type === "agent.message") console.log(`    agent: ${event.text}`);
});
const result = await run.result;
console.log(`${result.status}: ${result.files.added.length} files in ${join(home, "memories")}`);
console.log(await readFile(join(home, "memories", "memory_summary.md"), "utf8"));

await engine.close();
await store.close();
await rm(home, { recursive: true });
if (result.status !== "succeeded") process.exitCode = 1;
