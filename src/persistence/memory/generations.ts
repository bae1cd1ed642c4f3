import { owns } from "../../domain/job-changes.ts";
import type { GenerationStore } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";
import type { MemoryWorld } from "./world.ts";

export function memoryGenerations(
  world: Pick<MemoryWorld, "jobs" | "generations" | "blobs" | "journals">,
): GenerationStore {
  const { jobs, generations, blobs, journals } = world;

  const entryOf = (id: string) => generations.find(({ generation }) => generation.id === id) ?? null;

  return {
    current: async (space) => generations.findLast(({ generation }) => generation.space === space) ?? null,
    manifest: async (id) => entryOf(id)?.manifest ?? null,
    read: async (id) => entryOf(id)?.generation ?? null,
    list: async (space, limit) =>
      generations
        .map(({ generation }) => generation)
        .filter((generation) => generation.space === space)
        .reverse()
        .slice(0, limit),
    blob: async (hash) => blobs.get(hash)?.slice() ?? null,
    missing: async (hashes) => [...new Set(hashes)].filter((hash) => !blobs.has(hash)),
    commit: async ({ lease, generation, manifest, blobs: fresh, journal }) => {
      if (entryOf(generation.id) !== null) return "already";
      const job = jobs.get(generation.space) ?? null;
      const isFree =
        lease === null ? job?.status !== "running" : lease.space === generation.space && owns(job, lease);
      if (!isFree) return "lost";
      const isWhole = manifest.every(({ hash }) => blobs.has(hash) || fresh.has(hash));
      if (!isWhole) throw storeError("store_rejected", "in memory");
      for (const [hash, bytes] of fresh) if (!blobs.has(hash)) blobs.set(hash, bytes.slice());
      generations.push(structuredClone({ generation, manifest }));
      if (journal !== null) journals.set(journal.generation, structuredClone(journal));
      return "applied";
    },
    openJournal: async (space) => [...journals.values()].find((journal) => journal.space === space) ?? null,
    closeJournal: async (generation) => void journals.delete(generation),
  };
}
