import { changesBetween, type FileChanges, type Generation } from "../domain/generation.ts";
import type { GenerationStore, Store } from "../domain/ports.ts";
import { compare } from "../services/generations/compare.ts";
import { generationNamed } from "../services/generations/named.ts";
import { diffLines, statLines } from "./diff-lines.ts";
import { moment } from "./elapsed.ts";
import { EXIT } from "./exit-code.ts";
import { bold, dim, type Line } from "./paint.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore } from "./store.ts";

export interface DiffFlags {
  readonly from: string | null;
  readonly to: string | null;
  readonly stat: boolean;
  readonly list: boolean;
}

const NONE = "This space has no generation yet; `slowwave run` makes the first.";

/** `slowwave diff`; returns the exit code. */
export async function diffGenerations(at: Invocation, flags: DiffFlags): Promise<number> {
  const store = await openExistingStore(at.places);
  try {
    if (flags.list) await listGenerations(at, store);
    else await showDiff(at, flags, store);
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

async function showDiff(
  { places, output, json }: Invocation,
  { from, to, stat }: DiffFlags,
  store: Store | null,
): Promise<void> {
  const pair = store === null ? null : await chosen(store.generations, places.space, from, to);
  if (store === null || pair === null) {
    if (json) output.printJson({ from: null, to: null, files: [] });
    else output.say(NONE);
    return;
  }
  const manifest = async (generation: Generation | null) =>
    generation === null ? [] : ((await store.generations.manifest(generation.id)) ?? []);
  const files = await compare(store.generations, await manifest(pair.from), await manifest(pair.to));
  if (json) {
    const shown = stat ? files.map(({ hunks: _, ...file }) => file) : files;
    return output.printJson({ from: pair.from, to: pair.to, files: shown });
  }
  output.say([dim("from  "), titleOf(pair.from)], [dim("to    "), titleOf(pair.to)]);
  if (files.length === 0) output.say("No difference.");
  else output.print(...(stat ? statLines(files) : diffLines(files)));
}

/** Without names the last two; with one name, from there until now. */
async function chosen(
  generations: GenerationStore,
  space: string,
  from: string | null,
  to: string | null,
): Promise<{ readonly from: Generation | null; readonly to: Generation } | null> {
  if (from !== null) {
    const first = await generationNamed(generations, space, from);
    return { from: first, to: await generationNamed(generations, space, to ?? "current") };
  }
  const [newest, previous] = await generations.list(space, 2);
  return newest === undefined ? null : { from: previous ?? null, to: newest };
}

const KINDS = {
  published: "published",
  adopted: "found in the folder and adopted",
  edited: "edited by hand",
  rollback: "restored by a rollback",
  purged: "left by a purge",
} as const;

function titleOf(generation: Generation | null): string {
  if (generation === null) return "nothing";
  const { id, kind, createdAtMs, agent, findings, withdrawnAtMs } = generation;
  return [
    `${id}  ${moment(createdAtMs)}  ${KINDS[kind]}`,
    ...(agent === undefined ? [] : [`by ${agent}`]),
    ...(findings === undefined || findings === 0 ? [] : [`${findings} findings`]),
    ...(withdrawnAtMs === undefined ? [] : ["withdrawn by a purge"]),
  ].join(", ");
}

const LISTED = 1_000;

async function listGenerations({ places, output, json }: Invocation, store: Store | null): Promise<void> {
  const generations = store === null ? [] : await store.generations.list(places.space, LISTED);
  const lines: Line[] = [];
  const rows: unknown[] = [];
  for (const [back, generation] of generations.entries()) {
    const changes = await changesOf(store as Store, generation);
    const { added, modified, deleted } = changes;
    rows.push({ back, ...generation, files: changes });
    const counts = `+${added.length} ~${modified.length} -${deleted.length} files`;
    lines.push([
      bold(String(back).padStart(3)),
      `  ${titleOf(generation)}`,
      dim(`  ${counts}${back === 0 ? "  (current)" : ""}`),
    ]);
  }
  if (json) output.printJson({ generations: rows });
  else if (lines.length === 0) output.say(NONE);
  else output.print(...lines);
}

async function changesOf({ generations }: Store, { id, parent }: Generation): Promise<FileChanges> {
  const before = parent === null ? [] : ((await generations.manifest(parent)) ?? []);
  return changesBetween(before, (await generations.manifest(id)) ?? []);
}
