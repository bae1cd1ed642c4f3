import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Stage1Input } from "../src/domain/memory.ts";
import { generateDataset } from "../src/eval/generate.ts";
import { scoreMemory } from "../src/eval/score.ts";
import { withoutSecrets } from "../src/text/redact.ts";

/**
 * Scores the built-in agent as it was at a commit, on the sessions of today's benchmark.
 *
 *   node scripts/evaluate-commit.ts d10501d [seed …]
 */
interface OldConsolidator {
  consolidate(input: object): { readonly memory: string; readonly summary: string };
}

const [commit = "d10501d", ...given] = process.argv.slice(2);
const seeds = given.length > 0 ? given.map(Number) : [1, 2, 3];
const folder = mkdtempSync(join(tmpdir(), "slowwave-commit-"));
execFileSync("git", ["worktree", "add", "--quiet", "--detach", join(folder, "tree"), commit]);
try {
  const file = readdirSync(join(folder, "tree", "src"), { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith(join("extractive", "consolidate.ts")),
  );
  if (file === undefined) throw new Error(`${commit} has no built-in agent`);
  const old = (await import(pathToFileURL(join(folder, "tree", "src", file)).href)) as OldConsolidator;
  let sum = 0;
  for (const seed of seeds) {
    const score = scoreMemory(memoryOf(old, seed), generateDataset(seed));
    sum += score.composite;
    console.log(seed, score);
  }
  console.log(`${commit}: composite ${(sum / seeds.length).toFixed(1)}, mean of seeds ${seeds.join(", ")}`);
} finally {
  execFileSync("git", ["worktree", "remove", "--force", join(folder, "tree")]);
  rmSync(folder, { recursive: true, force: true });
}

function memoryOf(old: OldConsolidator, seed: number) {
  const known = new Map<string, Stage1Input>();
  let base: { memory: string; summary: string } | null = null;
  for (const batch of generateDataset(seed).batches) {
    for (const record of batch) known.set(record.threadId, record);
    base = old.consolidate({
      ...workspaceOf([...known.values()]),
      memory: base?.memory ?? null,
      summary: base?.summary ?? null,
    });
  }
  return { handbook: base?.memory ?? "", summary: base?.summary ?? "" };
}

/** The files that the host lays out, latest session first. */
function workspaceOf(records: readonly Stage1Input[]) {
  const named = [...records]
    .sort((a, b) => Number(b.sourceUpdatedAt) - Number(a.sourceUpdatedAt))
    .map((record) => {
      const time = new Date(Number(record.sourceUpdatedAt) * 1000).toISOString().slice(0, 19);
      return {
        record,
        time: `${time}+00:00`,
        name: `${time.replaceAll(":", "-")}-${record.threadId.slice(0, 4)}.md`,
        head: `cwd: ${record.cwd}\nrollout_path: ${record.rolloutPath}\n`,
      };
    });
  return {
    rawMemories: named
      .map(
        ({ record, time, name, head }) =>
          `## Thread \`${record.threadId}\`\nupdated_at: ${time}\n${head}rollout_summary_file: ${name}\n\n${withoutSecrets(record.rawMemory).trim()}\n\n`,
      )
      .join(""),
    summaries: named.map(({ record, time, name, head }) => ({
      name,
      text: `thread_id: ${record.threadId}\nupdated_at: ${time}\n${head}\n${withoutSecrets(record.rolloutSummary)}\n`,
    })),
  };
}
