/**
 * What a home grows by: a run an hour, each with one new note, on a clock of its own. Prints the sizes at 100, 300, 500
 * runs, with a retention of 100 runs and 5 days, so that they are flat once it has set in; and how much time of the
 * processor the longest slice of the retention took.
 *
 *   node bench/growth.ts [RUNS] [KEEP_RUNS] [KEEP_DAYS]
 */
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { functionAgent } from "../src/agents/index.ts";
import type { Clock } from "../src/domain/clock.ts";
import { systemClock } from "../src/durable/system.ts";
import { createEngine } from "../src/engine/engine.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";

const given = (at: number, usual: number) => Number(process.argv[at] ?? usual);
const [runs, keepRuns, keepRunDays] = [given(2, 500), given(3, 100), given(4, 5)] as const;
const HOUR_MS = 3_600_000;
const START_MS = 1_774_212_000_000;

let hours = 0;
const clock: Clock = { ...systemClock, nowMs: () => START_MS + hours * HOUR_MS };
const home = await mkdtemp(join(tmpdir(), "slowwave-growth-"));
const store = await openSqliteStore({ path: join(home, "slowwave.db") });
let longestSliceMs = 0;
const engine = createEngine({
  store: {
    ...store,
    retire: async (request) => {
      const before = process.cpuUsage();
      const slice = await store.retire(request);
      const { user, system } = process.cpuUsage(before);
      longestSliceMs = Math.max(longestSliceMs, (user + system) / 1000);
      return slice;
    },
  },
  clock,
  home,
  keepRuns,
  keepRunDays,
  agent: functionAgent(async ({ workspace, report }) => {
    const names = (await readdir(join(workspace, "rollout_summaries"))).sort();
    for (let step = 0; step < 20; step += 1)
      report({ type: "agent.message", text: `Step ${step} of ${names.length} sessions is done.` });
    await writeFile(join(workspace, "MEMORY.md"), handbook(names));
    await writeFile(join(workspace, "memory_summary.md"), "v1\n\n## What's in Memory\n- shop\n");
    return "done";
  }),
});

for (let run = 1; run <= runs; run += 1) {
  hours += 1;
  await store.memories.upsert("global", [note(run)]);
  const { status } = await (await engine.start({ now: true })).result;
  if (status !== "succeeded") console.log(`run ${run}: ${status}`);
  if (run % 100 === 0) {
    const size = (await stat(join(home, "slowwave.db"))).size;
    const kept = (await store.runs.tally({})).reduce((sum, { count }) => sum + count, 0);
    console.log(
      `${run} runs: database ${megabytes(size)}, folder ${megabytes(await folderSize(home))}, runs kept ${kept}, longest slice ${longestSliceMs.toFixed(1)} ms of CPU`,
    );
  }
}
await engine.close();
await store.close();
await rm(home, { recursive: true });

function note(run: number) {
  const lines = Array.from(
    { length: 60 },
    (_, at) => `- Step ${at} of session ${run} changed module ${(run * 7 + at) % 97}.`,
  );
  return {
    threadId: `00000000-0000-4000-8000-${String(run).padStart(12, "0")}`,
    sourceUpdatedAt: Math.floor(START_MS / 1000) + run,
    rawMemory: `Reusable knowledge:\n${lines.join("\n")}\n`,
    rolloutSummary: `# Session ${run}\n\nWhat happened in it.`,
    cwd: "/home/dev/shop",
  };
}

function handbook(names: readonly string[]): string {
  const cited = names.map((name) => `- rollout_summaries/${name} (cwd=/home/dev/shop)`);
  const head = [
    "# Task Group: shop",
    "scope: work on the shop",
    "applies_to: cwd=/home/dev/shop; reuse_rule=safe",
    "",
  ];
  const task = [
    "## Task 1: whatever was done",
    "### rollout_summary_files",
    ...cited,
    "### keywords",
    "- shop",
    "",
  ];
  return [...head, ...task, "## User preferences", "- keep it short [Task 1]", ""].join("\n");
}

async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
