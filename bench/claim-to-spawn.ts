/**
 * From the claim to the agent at work, and the publish after it, by how much there is to consolidate: cold (an
 * empty space), and again with one session changed. The agent does next to nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { functionAgent } from "../src/agents/function-agent.ts";
import type { RunResult } from "../src/domain/event.ts";
import { createEngine } from "../src/engine/engine.ts";
import { nodeFiles } from "../src/files/node-files.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { median, printTable } from "./table.ts";

const ROUNDS = 3;
const TEXT = "- a fact worth a line, and a little more of it so that the size is honest\n".repeat(30);

export async function claimToSpawn(): Promise<void> {
  const rows: string[][] = [];
  for (const count of [10, 200, 1000, 4096]) {
    const rounds: Awaited<ReturnType<typeof once>>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await once(count));
    const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick)).toFixed(0);
    rows.push([
      String(count),
      of(({ cold }) => untilSpawn(cold)),
      of(({ cold }) => span(cold, "publishing.committing")),
      of(({ changed }) => untilSpawn(changed)),
      of(({ changed }) => span(changed, "publishing.committing")),
      of(
        ({ changed }) =>
          changed.files.added.length + changed.files.modified.length + changed.files.deleted.length,
      ),
    ]);
  }
  printTable(
    `claim to spawn, ms, medians of ${ROUNDS}`,
    ["memories", "cold", "publish", "one changed", "publish", "files written"],
    rows,
  );
}

async function once(count: number): Promise<{ cold: RunResult; changed: RunResult }> {
  const home = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  let turn = 0;
  const agent = functionAgent(async ({ workspace }) => {
    turn += 1;
    await writeFile(join(workspace, "MEMORY.md"), `# Task Group: bench ${turn}\n`);
    await writeFile(join(workspace, "memory_summary.md"), "v1\n");
  });
  const engine = createEngine({ store, agent, home, maxInputs: 4096, files: nodeFiles() });
  const session = (n: number, at: number) => ({
    threadId: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    sourceUpdatedAt: 1_774_000_000 + at,
    rawMemory: `${TEXT}- number ${n}, told at ${at}\n`,
    rolloutSummary: `${TEXT}- number ${n}, told at ${at}\n`,
    cwd: "/home/dev/shop",
  });
  await store.memories.upsert(
    "global",
    Array.from({ length: count }, (_, n) => session(n, n)),
  );
  const cold = await (await engine.start()).result;
  await store.memories.upsert("global", [session(0, count + 1)]);
  const changed = await (await engine.start()).result;
  await engine.close();
  await store.close();
  rmSync(home, { recursive: true });
  for (const { status, reason } of [cold, changed]) {
    if (status !== "succeeded") throw new Error(`the bench run ended ${status}: ${reason?.cause}`);
  }
  return { cold, changed };
}

function untilSpawn(result: RunResult): number {
  const reached = result.states.find(({ state }) => state === "supervising");
  return Date.parse(reached?.enteredAt ?? "") - Date.parse(result.startedAt);
}

function span(result: RunResult, state: string): number {
  return result.states.find((entry) => entry.state === state)?.ms ?? Number.NaN;
}
