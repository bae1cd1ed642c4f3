import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import type { Stage1Input } from "../../src/domain/memory.ts";

/** What a session learned, as a person would find it in the page. */
export function session(n: number, rawMemory = LESSONS[n % LESSONS.length] ?? ""): Stage1Input {
  return {
    threadId: `0198c0de-0000-7000-8000-${String(n).padStart(12, "0")}`,
    sourceUpdatedAt: 1_774_212_000 + n * 3_600,
    rawMemory,
    rolloutSummary: `# Session ${n}\n\n${rawMemory}`,
    cwd: "/home/dev/shop",
    rolloutPath: `/sessions/${n}.jsonl`,
    gitBranch: "main",
  };
}

const LESSONS = [
  "Reusable knowledge:\n- `make deps` first, then `make`; the first build fails otherwise\n",
  "Preference signals:\n- short commit messages in the present tense\n",
  "Failures and how to do differently:\n- the tests need the loopback device up\n",
  "Reusable knowledge:\n- the shop's prices are integers of cents, never floats\n",
];

/** Writes a memory that the gate passes: a handbook that cites every summary, and lines of its own. */
export async function consolidate(workspace: string, lines: readonly string[]): Promise<void> {
  const names = (await readdir(join(workspace, "rollout_summaries"))).toSorted();
  const before = await readFile(join(workspace, "MEMORY.md"), "utf8").catch(() => "");
  const kept = before.split("\n").filter((line) => line.startsWith("- keep"));
  await writeFile(
    join(workspace, "MEMORY.md"),
    [
      "# Task Group: shop",
      "scope: work on the shop",
      "applies_to: cwd=/home/dev/shop; reuse_rule=safe in this checkout",
      "",
      "## Task 1: build and test",
      "### rollout_summary_files",
      ...names.map((name) => `- rollout_summaries/${name} (cwd=/home/dev/shop)`),
      "### keywords",
      "- shop, build, prices",
      "",
      "## User preferences",
      ...new Set([...kept, ...lines.map((line) => `- keep ${line} [Task 1]`)]),
      "",
    ].join("\n"),
  );
  await writeFile(
    join(workspace, "memory_summary.md"),
    "v1\n\n## What's in Memory\n- shop: build, tests, prices\n",
  );
}

/** Works through its list, a word at a time, and then does what it is told to do. */
export function talkative(words: readonly string[], pauseMs: number, then: AgentFunction): AgentFunction {
  return async (task) => {
    const { report, signal } = task;
    report({ type: "agent.thought", text: "Read the newest summaries first; they replace what is older." });
    for (const [at, word] of words.entries()) {
      if (signal.aborted) return;
      report({ type: "agent.tool", name: at % 2 === 0 ? "read" : "edit", text: word });
      report({
        type: "agent.usage",
        usage: {
          turns: 1,
          inputTokens: 4_200 * (at + 1),
          outputTokens: 310 * (at + 1),
          costUsd: 0.021 * (at + 1),
          estimated: false,
        },
      });
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return then(task);
  };
}

/** Never ends by itself. */
export const waits: AgentFunction = ({ signal }) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true });
  });
