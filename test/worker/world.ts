import { expect, onTestFinished } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { createWorker } from "../../src/fleet/worker.ts";
import type { WorkerOptions } from "../../src/fleet/worker-api.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { createTestClock } from "../../src/testing/clock.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";

/** Waits for an answer however busy the machine is. */
export function eventually<T>(ask: () => T) {
  return expect.poll(ask, { timeout: 30_000 });
}

/** Agents that work until they are let go, and which spaces were at work at once. */
export function heldAgents() {
  const letGo = new Map<string, () => void>();
  const spaces: string[] = [];
  let most = 0;
  const agent: AgentFunction = async (task) => {
    const space = await spaceOf(task.workspace);
    spaces.push(space);
    most = Math.max(most, letGo.size + 1);
    await new Promise<void>((resolve) => {
      letGo.set(space, resolve);
      task.signal.addEventListener("abort", () => resolve());
    });
    letGo.delete(space);
    if (task.signal.aborted) throw new Error("ended");
    return diligent(task);
  };
  return {
    agent,
    /** Spaces in the order in which their agents began. */
    spaces,
    most: () => most,
    working: () => [...letGo.keys()].sort(),
    finish: (space: string) => letGo.get(space)?.(),
  };
}

/** The session of each space is named after it. */
async function spaceOf(workspace: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(`${workspace}/raw_memories.md`, "utf8");
  return /space=(?<space>\S+)/.exec(text)?.groups?.space ?? "";
}

/** Spaces with something to do, and as many workers on them as a test wants, on a clock that the test moves. */
export async function fleetWorld(...spaces: readonly string[]) {
  const { open, shared, home } = await phase2World();
  const clock = createTestClock();
  const store = openMemoryStore({ world: shared });
  const enqueue = async (space: string) => {
    await store.memories.upsert(space, [session(1, { rawMemory: `- space=${space} \n` })]);
  };
  for (const space of spaces) await enqueue(space);
  const worker = (agent: AgentFunction = diligent, options: Partial<WorkerOptions> = {}) => {
    const { engine, store: own } = open(agent, { home, ...(options.store && { store: options.store }) });
    const problems: string[] = [];
    const created = createWorker({
      engine,
      store: own,
      clock,
      random: () => 0.5,
      onProblem: (space, error) => problems.push(`${space}: ${(error as Error).message}`),
      ...options,
    });
    onTestFinished(() => created.stop());
    return { worker: created, engine, problems, store: own };
  };
  /** As the statuses of all runs there were. */
  const statuses = async () =>
    (await store.runs.list({ limit: 1_000 }))
      .map(({ space, snapshot }) => `${space} ${JSON.parse(snapshot).context.status}`)
      .sort();
  return { clock, shared, store, worker, enqueue, statuses };
}
