import { changesBetween, type Generation, type Manifest } from "../domain/generation.ts";
import type { GenerationStore } from "../domain/ports.ts";
import type { DiffAnswer, GenerationsAnswer } from "./api.ts";
import { refuse } from "./refusal.ts";

/** A text that is longer is not sent. */
const LONGEST_TEXT = 256 * 1024;
/** All texts of one answer; beyond it files are named, but not sent. */
const MOST_TEXT = 8 * 1024 * 1024;

type Generations = Pick<GenerationStore, "current" | "list" | "manifest" | "read" | "blob">;

export async function listGenerations(
  generations: Generations,
  { space, limit }: { readonly space: string; readonly limit: number },
): Promise<GenerationsAnswer> {
  const [found, current] = await Promise.all([generations.list(space, limit), generations.current(space)]);
  const manifest = async (id: string | null) => (id === null ? [] : ((await generations.manifest(id)) ?? []));
  return {
    generations: await Promise.all(
      found.map(async (generation) => ({
        ...generation,
        changes: changesBetween(await manifest(generation.parent), await manifest(generation.id)),
        current: generation.id === current?.generation.id,
      })),
    ),
  };
}

/** What differs, with whole texts. `from` null: everything is new. Throws `unknown_generation`. */
export async function diffOf(
  generations: Generations,
  { from, to }: { readonly from: string | null; readonly to: string },
): Promise<DiffAnswer> {
  const before = from === null ? [] : await manifestOf(generations, from);
  const after = await manifestOf(generations, to);
  const { added, modified, deleted } = changesBetween(before, after);
  const kinds = [
    ...added.map((path) => ({ path, change: "added" as const })),
    ...modified.map((path) => ({ path, change: "modified" as const })),
    ...deleted.map((path) => ({ path, change: "deleted" as const })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const textOf = textsWithin(generations, MOST_TEXT);
  const files: DiffAnswer["files"][number][] = [];
  for (const { path, change } of kinds) {
    files.push({ path, change, before: await textOf(before, path), after: await textOf(after, path) });
  }
  return { from, to, files };
}

/** Throws `unknown_generation`. */
export async function readGeneration(generations: Generations, id: string): Promise<Generation> {
  const found = await generations.read(id);
  if (found === null) throw refuse("unknown_generation", "There is no generation of this id here.");
  return found;
}

async function manifestOf(generations: Generations, id: string): Promise<Manifest> {
  await readGeneration(generations, id);
  return (await generations.manifest(id)) ?? [];
}

function textsWithin(generations: Generations, most: number) {
  let left = most;
  return async (manifest: Manifest, path: string): Promise<string | null> => {
    const entry = manifest.find((one) => one.path === path);
    if (entry === undefined || entry.bytes > Math.min(LONGEST_TEXT, left)) return null;
    const bytes = await generations.blob(entry.hash);
    const text = bytes === null ? null : decoded(bytes);
    if (text !== null) left -= entry.bytes;
    return text;
  };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
