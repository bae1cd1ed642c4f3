import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { createEngine } from "../../internal/engine.ts";
import {
  type Dataset,
  generateDataset,
  REFERENCES,
  type Score,
  scoreMemory,
  throughTranscripts,
} from "../../internal/evaluation.ts";
import { openSqliteStore } from "../../internal/store.ts";
import { agentNamed } from "../agents.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { bold, dim } from "../ui/text.ts";

/** Composite of the built-in agent of commit d10501d, mean of seeds 1 to 3: `node scripts/evaluate-commit.ts d10501d`. */
const AT_D10501D = 47.5;
const SEEDS = ["1", "2", "3"];
const COLUMNS = ["recall", "changed", "density", "once", "placed", "together", "summary", "size"] as const;

export function addEval(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("eval")
    .summary("score an agent on seeded sessions with planted facts")
    .description(
      "Draws sessions with planted facts, chatter, changed facts, orders and secrets, lets the agent consolidate them in two batches, and scores the memory; docs/evaluation.md defines the metrics. Nothing of your home is touched.",
    )
    .option("--agent <name>", "which agent does the work", "extractive")
    .option("--seed <n...>", "which sessions to draw; several for a mean", SEEDS)
    .option("--transcripts", "learn the sessions from transcripts of four agents first", false)
    .addHelpText(
      "after",
      examples("slowwave eval", "slowwave eval --agent extractive --seed 41 42 43 --json"),
    )
    .action((options: Options, command: Command) => end(evaluate(invocation(shell, command), options)));
}

interface Options {
  readonly agent: string;
  readonly seed: readonly string[];
  readonly transcripts: boolean;
}

async function evaluate(
  { output, json }: Invocation,
  { agent, seed: given, transcripts }: Options,
): Promise<number> {
  const seeds = given.map(Number);
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    throw new SlowwaveError("invalid_usage", "A seed is a whole number from 0 on, such as --seed 41.");
  const rows = new Map<string, Score[]>();
  for (const seed of seeds) {
    const drawn = generateDataset(seed);
    const dataset = transcripts ? await throughTranscripts(drawn) : drawn;
    output.info(
      dim(`seed ${seed}: ${dataset.batches.flat().length} sessions, ${dataset.facts.length} planted facts`),
    );
    const memory = await memoryBy(agent, dataset);
    rows.set(agent, [...(rows.get(agent) ?? []), scoreMemory(memory, dataset)]);
    for (const [name, make] of Object.entries(REFERENCES))
      rows.set(name, [...(rows.get(name) ?? []), scoreMemory(make(dataset), dataset)]);
  }
  const means = [...rows].map(([name, scores]) => ({ name, ...meanOf(scores) }));
  if (json)
    output.printJson({ agent, seeds, rows: means, composites: rows.get(agent)?.map((s) => s.composite) });
  else printTable(means, output);
  return EXIT.ok;
}

/** Both batches through the engine, in a home of its own that is gone afterwards. */
async function memoryBy(agent: string, { batches }: Dataset) {
  const home = mkdtempSync(join(tmpdir(), "slowwave-eval-"));
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const engine = createEngine({ store, agent: agentNamed(agent), home, maxInputs: 4_096 });
  try {
    for (const batch of batches) {
      await store.memories.upsert("global", batch);
      const { outcome, status, reason } = await (await engine.start({ space: "global" })).result;
      if (outcome !== "succeeded")
        throw new SlowwaveError(
          "eval_failed",
          `The agent ${agent} ended with ${status}: ${reason?.message ?? ""}`,
        );
    }
    const read = (name: string) => readFileSync(join(home, "memories", name), "utf8");
    return { handbook: read("MEMORY.md"), summary: read("memory_summary.md") };
  } finally {
    await engine.close();
    await store.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function meanOf(scores: readonly Score[]): Score {
  const [first] = scores;
  const names = Object.keys(first ?? {}) as (keyof Score)[];
  return Object.fromEntries(
    names.map((name) => [name, scores.reduce((sum, score) => sum + score[name], 0) / scores.length]),
  ) as unknown as Score;
}

function printTable(
  rows: readonly (Score & { readonly name: string })[],
  output: Invocation["output"],
): void {
  const head = ["", ...COLUMNS, "orders", "secrets", "composite"].map((title, at) => pad(title, at));
  output.print(bold(head.join(" ")));
  for (const row of rows) {
    const cells = [
      row.name,
      ...COLUMNS.map((name) => row[name].toFixed(2)),
      row.orders.toFixed(1),
      row.secrets.toFixed(1),
      row.composite.toFixed(1),
    ];
    output.print(cells.map((cell, at) => pad(cell, at)).join(" "));
  }
  output.print(
    dim(
      `${pad("d10501d", 0)} composite ${AT_D10501D} on seeds 1 2 3: node scripts/evaluate-commit.ts d10501d`,
    ),
  );
}

function pad(cell: string, at: number): string {
  return at === 0 ? cell.padEnd(12) : cell.padStart(9);
}
