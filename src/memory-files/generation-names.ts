import { hash } from "node:crypto";
import { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  type GenerationStore,
  type Manifest,
} from "../domain/generation.ts";
import { pathText } from "../text/sanitize.ts";
import { isHostPath } from "./host-files.ts";

/**
 * Generations that a run makes are named after it, so that a repetition after a crash finds its own trace
 * instead of making a second one.
 */
export function publishedId(run: string): string {
  return `${run}-published`;
}

/** Of what a person left in the root: named by its content and by what it came from. */
export function foundId(
  run: string,
  kind: Extract<Generation["kind"], "adopted" | "edited">,
  parent: string | null,
  manifest: Manifest,
): string {
  const content = JSON.stringify([parent, manifest.map(({ path, hash }) => [path, hash])]);
  return `${run}-${kind}-${hash("sha256", content, "hex").slice(0, 8)}`;
}

/** Whether a run made this generation; what a person left, no run has seen yet. */
export function isConsolidated({ kind }: Generation): boolean {
  return kind === "published" || kind === "rollback";
}

/** Prefixes and numbers are looked for among this many of the newest. */
const SEARCHED = 1_000;

/**
 * The generation a person means: `current`, `previous`, how many generations back (`0` is the current one), its id, or
 * an unambiguous beginning of it. Rejects with `unknown_generation` or `ambiguous_generation`.
 */
export async function generationNamed(
  store: Pick<GenerationStore, "list">,
  space: string,
  name: string,
): Promise<Generation> {
  const all = await store.list(space, SEARCHED);
  const back = stepsBack(name);
  const found = back === null ? withPrefix(all, name) : all[back];
  if (found !== undefined) return found;
  throw new SlowwaveError(
    "unknown_generation",
    all.length === 0
      ? "This space has no generation yet; `slowwave run` makes the first."
      : `There is no generation "${pathText(name)}" here; \`slowwave diff --list\` lists the ${all.length} there are.`,
  );
}

function stepsBack(name: string): number | null {
  if (name === "current") return 0;
  if (name === "previous") return 1;
  return /^\d{1,3}$/.test(name) ? Number(name) : null;
}

function withPrefix(all: readonly Generation[], name: string): Generation | undefined {
  if (name === "") return undefined;
  const exact = all.find(({ id }) => id === name);
  if (exact !== undefined) return exact;
  const alike = all.filter(({ id }) => id.startsWith(name));
  if (alike.length < 2) return alike[0];
  throw new SlowwaveError(
    "ambiguous_generation",
    `${alike.length} generations begin with "${pathText(name)}"; give more of the id.`,
  );
}

const NEWEST_SEARCHED = 100;

/** What a person changed of the memory since a run last made or restored it; host files are never a person's. */
export async function changedByHand(
  generations: Pick<GenerationStore, "list" | "manifest">,
  space: string,
): Promise<FileChanges> {
  const all = await generations.list(space, NEWEST_SEARCHED);
  const [newest] = all;
  const made = all.find((generation) => isConsolidated(generation) || generation.kind === "purged");
  const manifest = async (id: string | undefined) =>
    id === undefined ? [] : ((await generations.manifest(id)) ?? []);
  const changes = changesBetween(await manifest(made?.id), await manifest(newest?.id));
  const own = (paths: readonly string[]) => paths.filter((path) => !isHostPath(path));
  return { added: own(changes.added), modified: own(changes.modified), deleted: own(changes.deleted) };
}
