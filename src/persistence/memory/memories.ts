import { enqueued, owns } from "../../domain/job-changes.ts";
import { completed, isBlank, latestFirst, type Stage1Output } from "../../domain/memory.ts";
import type { MemoryStore } from "../../domain/ports.ts";
import type { MemoryWorld } from "./world.ts";

export function memoryMemories(
  world: Pick<MemoryWorld, "jobs" | "outputs" | "inputs" | "runs">,
): MemoryStore {
  function outputsOf(space: string): Map<string, Stage1Output> {
    const outputs = world.outputs.get(space) ?? new Map<string, Stage1Output>();
    world.outputs.set(space, outputs);
    return outputs;
  }

  function selectable(space: string): readonly Stage1Output[] {
    return [...outputsOf(space).values()].filter((output) => !isBlank(output));
  }

  /** A run without a row (a plain one) belongs to every space. */
  function isOf(run: string, space: string): boolean {
    return (world.runs.get(run)?.space ?? space) === space;
  }

  return {
    upsert: async (space, inputs) => {
      const outputs = outputsOf(space);
      let [imported, updated, unchanged] = [0, 0, 0];
      let newest: number | null = null;
      for (const output of inputs.map(completed)) {
        const known = outputs.get(output.threadId);
        if (known !== undefined && known.sourceUpdatedAt >= output.sourceUpdatedAt) {
          unchanged += 1;
          continue;
        }
        outputs.set(output.threadId, output);
        if (known === undefined) imported += 1;
        else updated += 1;
        newest = Math.max(newest ?? output.sourceUpdatedAt, output.sourceUpdatedAt);
      }
      if (newest !== null) world.jobs.set(space, enqueued(world.jobs.get(space) ?? null, space, newest));
      return { imported, updated, unchanged };
    },
    select: async (space, limit) => [...selectable(space)].sort(latestFirst).slice(0, Math.max(0, limit)),
    count: async (space, newerThan) =>
      selectable(space).filter(
        ({ sourceUpdatedAt }) => newerThan === undefined || sourceUpdatedAt > newerThan,
      ).length,
    recordInputs: async (run, outputs) => {
      if (outputs.length > 0 && !world.inputs.has(run)) world.inputs.set(run, structuredClone(outputs));
    },
    inputsOf: async (run) => structuredClone(world.inputs.get(run) ?? []),
    versionsOf: async (space, threadId) => {
      const current = outputsOf(space).get(threadId);
      const recorded = [...world.inputs.entries()]
        .filter(([run]) => isOf(run, space))
        .flatMap(([, outputs]) => outputs.filter((output) => output.threadId === threadId))
        .sort(latestFirst);
      const distinct = new Map(
        recorded.map((output) => [
          JSON.stringify([output.sourceUpdatedAt, output.rawMemory, output.rolloutSummary]),
          output,
        ]),
      );
      return structuredClone([...(current === undefined ? [] : [current]), ...distinct.values()]);
    },
    spacesOf: async (threadId) => {
      const stored = [...world.outputs]
        .filter(([, outputs]) => outputs.has(threadId))
        .map(([space]) => space);
      const recorded = [...world.inputs].flatMap(([run, outputs]) => {
        const space = world.runs.get(run)?.space;
        return space !== undefined && outputs.some((output) => output.threadId === threadId) ? [space] : [];
      });
      return [...new Set([...stored, ...recorded])].sort();
    },
    forget: async (threadId, lease) => {
      if (!owns(world.jobs.get(lease.space) ?? null, lease)) return "lost";
      outputsOf(lease.space).delete(threadId);
      for (const [run, outputs] of world.inputs) {
        if (!isOf(run, lease.space)) continue;
        world.inputs.set(
          run,
          outputs.filter((output) => output.threadId !== threadId),
        );
      }
      return "applied";
    },
  };
}
