import type { GenerationStore } from "../../domain/generation.ts";
import { owns } from "../../domain/job.ts";
import { storeError } from "../errors.ts";
import type { MemoryWorld } from "./world.ts";

type World = Pick<MemoryWorld, "jobs" | "generations" | "blobs" | "journals" | "drafts" | "unusedSince">;

export function memoryGenerations(
  world: Pick<MemoryWorld, "jobs" | "generations" | "blobs" | "journals"> &
    Partial<Pick<MemoryWorld, "drafts" | "unusedSince">>,
): GenerationStore {
  const whole = { ...world, drafts: world.drafts ?? [], unusedSince: world.unusedSince ?? new Map() };
  return { ...generationReads(whole), ...generationWrites(whole), ...generationDrafts(whole) };
}

function generationReads(
  world: World,
): Pick<GenerationStore, "current" | "manifest" | "read" | "list" | "blob" | "missing" | "orphans"> {
  const { generations, blobs, unusedSince } = world;
  return {
    current: async (space) => generations.findLast(({ generation }) => generation.space === space) ?? null,
    manifest: async (id) => entryOf(world, id)?.manifest ?? null,
    read: async (id) => entryOf(world, id)?.generation ?? null,
    list: async (space, limit) =>
      generations
        .map(({ generation }) => generation)
        .filter((generation) => generation.space === space)
        .reverse()
        .slice(0, limit),
    blob: async (hash) => blobs.get(hash)?.slice() ?? null,
    missing: async (hashes) =>
      [...new Set(hashes)].filter((hash) => !blobs.has(hash) || unusedSince.has(hash)),
    orphans: async ({ after, limit }) =>
      [...blobs.keys()]
        .filter((hash) => hash > after && !isNamed(world, hash))
        .sort()
        .slice(0, limit),
  };
}

function generationWrites(
  world: World,
): Pick<GenerationStore, "commit" | "openJournal" | "closeJournal" | "remove" | "collect" | "rewrite"> {
  const { jobs, generations, blobs, journals, unusedSince } = world;
  return {
    commit: async ({ lease, generation, manifest, blobs: fresh, journal }) => {
      if (entryOf(world, generation.id) !== null) return "already";
      const job = jobs.get(generation.space) ?? null;
      const inEffect = generations.findLast((one) => one.generation.space === generation.space);
      const isFree =
        lease === null
          ? job?.status !== "running" && (inEffect?.generation.id ?? null) === generation.parent
          : lease.space === generation.space && owns(job, lease);
      if (!isFree) return "lost";
      const isWhole = manifest.every(({ hash }) => blobs.has(hash) || fresh.has(hash));
      if (!isWhole) throw storeError("store_rejected", "in memory");
      put(world, fresh);
      const { handEdits = {}, ...plain } = generation;
      const kept = { ...plain, ...(Object.keys(handEdits).length > 0 && { handEdits }) };
      generations.push(structuredClone({ generation: kept, manifest }));
      if (journal !== null) journals.set(journal.generation, structuredClone(journal));
      return "applied";
    },
    openJournal: async (space) => [...journals.values()].find((journal) => journal.space === space) ?? null,
    closeJournal: async (generation) => void journals.delete(generation),
    remove: async (space, ids) => {
      const inEffect = generations.findLast(({ generation }) => generation.space === space)?.generation.id;
      for (const id of ids) {
        const at = generations.findIndex(
          ({ generation }) => generation.id === id && generation.space === space,
        );
        if (at >= 0 && id !== inEffect && !journals.has(id)) generations.splice(at, 1);
      }
    },
    collect: async ({ nowMs, graceMs, limit, hashes }) => {
      if (hashes !== undefined) return drop(world, hashes.slice(0, limit));
      for (const hash of blobs.keys()) {
        if (isNamed(world, hash)) unusedSince.delete(hash);
        else if (!unusedSince.has(hash)) unusedSince.set(hash, nowMs);
      }
      const due = [...unusedSince].filter(([, sinceMs]) => sinceMs < nowMs - graceMs);
      return drop(
        world,
        due.slice(0, limit).map(([hash]) => hash),
      );
    },
    rewrite: async ({ lease, generation, manifest, blobs: fresh, handEdits, nowMs }) => {
      const entry = entryOf(world, generation);
      if (entry === null || lease.space !== entry.generation.space) return "lost";
      if (!owns(jobs.get(lease.space) ?? null, lease)) return "lost";
      const old = entry.manifest.map(({ hash }) => hash);
      put(world, fresh);
      entry.manifest = structuredClone(manifest ?? []);
      if (manifest === null) entry.generation = { ...entry.generation, withdrawnAtMs: nowMs };
      if (handEdits !== undefined) {
        const { handEdits: _, ...generation } = entry.generation;
        entry.generation = { ...generation, ...(Object.keys(handEdits).length > 0 && { handEdits }) };
      }
      drop(world, old);
      return "applied";
    },
  };
}

function generationDrafts(
  world: World,
): Pick<GenerationStore, "keepDraft" | "draft" | "drafts" | "removeDrafts"> {
  const { jobs, drafts } = world;
  return {
    keepDraft: async ({ lease, draft, manifest, blobs: fresh }) => {
      if (lease.space !== draft.space || !owns(jobs.get(lease.space) ?? null, lease)) return "lost";
      put(world, fresh);
      dropDrafts(world, draft.space, [draft.hash]);
      drafts.push(structuredClone({ draft, manifest }));
      return "applied";
    },
    draft: async (space, hash) =>
      structuredClone(drafts.find(({ draft }) => draft.space === space && draft.hash === hash) ?? null),
    drafts: async (space) =>
      drafts
        .map(({ draft }) => draft)
        .filter((draft) => draft.space === space)
        .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.hash < b.hash ? -1 : 1)),
    removeDrafts: async (space, hashes) => dropDrafts(world, space, hashes),
  };
}

function entryOf({ generations }: World, id: string) {
  return generations.find(({ generation }) => generation.id === id) ?? null;
}

function put({ blobs, unusedSince }: World, fresh: ReadonlyMap<string, Uint8Array>): void {
  for (const [hash, bytes] of fresh) {
    unusedSince.delete(hash);
    if (!blobs.has(hash)) blobs.set(hash, bytes.slice());
  }
}

/** What a run recorded is kept as rows here, not as blobs; in a database both are blobs. */
function isNamed({ generations, drafts }: World, hash: string): boolean {
  return [...generations, ...drafts].some(({ manifest }) => manifest.some((entry) => entry.hash === hash));
}

function drop(world: World, hashes: Iterable<string>): number {
  const { blobs, unusedSince } = world;
  let count = 0;
  for (const hash of new Set(hashes)) {
    if (isNamed(world, hash)) continue;
    if (blobs.delete(hash)) count += 1;
    unusedSince.delete(hash);
  }
  return count;
}

function dropDrafts({ drafts }: World, space: string, hashes: readonly string[]): void {
  for (const hash of hashes) {
    const at = drafts.findIndex(({ draft }) => draft.space === space && draft.hash === hash);
    if (at >= 0) drafts.splice(at, 1);
  }
}
