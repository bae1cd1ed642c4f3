import { cpSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { functionAgent } from "../../../src/agents/function-agent.ts";
import type { Stage1Input } from "../../../src/domain/memory.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import type { Databases } from "./databases.ts";
import { SETTINGS } from "./process.ts";
import { newFolder, openWorld, SPACE, START_MS } from "./world.ts";

/** How the space stands when the run begins. */
export type Beginning =
  /** A generation is there, and newer outputs than it knows. */
  | "changed"
  /** A generation is there, and asked for again without anything new. */
  | "unchanged"
  /** Nothing was ever consolidated. */
  | "first";

const DAY_SECONDS = 24 * 60 * 60;

/** Prepares a home once; every path begins with a copy of it. */
export async function template(
  beginning: Beginning,
  databases: Databases,
): Promise<{ readonly home: string; remove(): void }> {
  const world = await openWorld({ databases, startMs: START_MS - DAY_SECONDS * 1_000 });
  const home = newFolder("template");
  try {
    const store = await world.openStore();
    await store.memories.upsert(SPACE, [output("one", 1), output("two", 2)]);
    if (beginning !== "first") {
      const agent = functionAgent(async ({ workspace }) => {
        await writeFile(
          join(workspace, "MEMORY.md"),
          "# Task Group: old\nscope: work\napplies_to: cwd=/w; reuse_rule=here\n",
        );
        await writeFile(join(workspace, "memory_summary.md"), "v1\n\nOld.\n");
      });
      const engine = createEngine({ ...SETTINGS, store, agent, home: world.home, clock: world.clock });
      const { result } = await engine.start({ space: SPACE });
      const { status } = await result;
      if (status !== "succeeded") throw new Error(`the template's run came to ${status}`);
      await engine.close();
    }
    if (beginning === "changed") await store.memories.upsert(SPACE, [output("two", 3)]);
    if (beginning === "unchanged") await store.jobs.enqueue(SPACE, 3);
    await store.close();
    cpSync(world.home, home, { recursive: true });
    await world.database.keepAs(home);
  } finally {
    world.remove();
  }
  return { home, remove: () => rmSync(home, { recursive: true, force: true }) };
}

function output(threadId: string, version: number): Stage1Input {
  return {
    threadId,
    sourceUpdatedAt: START_MS / 1_000 - 2 * DAY_SECONDS + version,
    rawMemory: `# ${threadId}\n\nLearned in version ${version}.\n`,
    rolloutSummary: `Summary of ${threadId}, version ${version}.\n`,
    cwd: "/home/me/project",
  };
}
