import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type AgentFunction, functionAgent } from "../../src/agents/function-agent.ts";
import type { AgentRunner } from "../../src/domain/agent.ts";
import type { RunEvent } from "../../src/domain/event.ts";
import type { Stage1Output } from "../../src/domain/memory.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-api.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { consolidate } from "./diligent.ts";

export { SUMMARY } from "./diligent.ts";

/** A consolidator that always does the same good work. */
export const diligent: AgentFunction = async ({ workspace }) => {
  await consolidate(workspace);
  return "done";
};

export function session(n: number, some: Partial<Stage1Output> = {}): Stage1Output {
  const sourceUpdatedAt = some.sourceUpdatedAt ?? 1_774_212_000 + n;
  return {
    threadId: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    sourceUpdatedAt,
    generatedAt: sourceUpdatedAt,
    rolloutSlug: null,
    gitBranch: null,
    rawMemory: `Reusable knowledge:\n- fact number ${n}\n`,
    rolloutSummary: `# Session ${n}\n\nWhat happened in it.`,
    cwd: "/home/dev/shop",
    rolloutPath: `/sessions/${n}.jsonl`,
    ...some,
  };
}

/** One home, and as many engines on it as a test wants; everything is gone when the test is over. */
export async function phase2World() {
  const home = await mkdtemp(join(tmpdir(), "slowwave-engine-"));
  const shared = createMemoryWorld();
  const closing: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const close of closing.reverse()) await close();
    await rm(home, { recursive: true, force: true });
  });
  const open = (agent: AgentFunction | AgentRunner = diligent, options: Partial<EngineOptions> = {}) => {
    const store: Store = options.store ?? openMemoryStore({ world: shared });
    const runner = typeof agent === "function" ? functionAgent(agent) : agent;
    const engine = createEngine({ home, agent: runner, ...options, store });
    const told: RunEvent[] = [];
    engine.events$.subscribe((event) => told.push(event));
    closing.push(() => engine.close());
    return { store, engine, told };
  };
  return { home, root: join(home, "memories"), shared, open };
}

/** Every file of a folder with its text; null when there is no such folder. */
export async function treeOf(folder: string): Promise<Record<string, string> | null> {
  const tree: Record<string, string> = {};
  try {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      tree[path.slice(folder.length + 1)] = await readFile(path, "utf8");
    }
  } catch {
    return null;
  }
  return tree;
}
