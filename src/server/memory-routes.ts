import type { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type Generation,
  type GenerationStore,
  type Manifest,
} from "../domain/generation.ts";
import type { Controls } from "../internal/engine.ts";
import { storedBlob } from "../internal/memory.ts";
import * as answers from "./answers.ts";
import type {
  ApplyAnswer,
  DiffAnswer,
  GenerationsAnswer,
  MemoryAnswer,
  MemoryFileAnswer,
  RollbackAnswer,
} from "./api.ts";
import * as fields from "./request.ts";
import { httpError, type Route, route } from "./request.ts";

export interface MemoryRoutesDeps {
  readonly generations: Generations;
  /** Absent: the server only looks. */
  readonly maintenance?: Pick<Controls, "rollback" | "apply"> | undefined;
}

/** Generations, their differences, the memory itself, and what brings another version of it into effect. */
export function memoryRoutes({ generations, maintenance }: MemoryRoutesDeps): readonly Route[] {
  const needed = () => {
    if (maintenance !== undefined) return maintenance;
    throw httpError("looks_only", "This server only looks; use `slowwave rollback` and `slowwave apply`.");
  };
  return [
    route({
      method: "get",
      path: "/generations",
      summary: "Generations of a space, newest first, with what each changed.",
      query: fields.generationsFields,
      answer: answers.generationsAnswer,
      handle: ({ query }) => listGenerations(generations, query),
    }),
    route({
      method: "get",
      path: "/diff",
      summary: "What differs between two generations, with whole texts.",
      query: fields.diffFields,
      answer: answers.diffAnswer,
      handle: async ({ query: { from, to } }) => {
        const origin = from ?? (await readGeneration(generations, to)).parent;
        return diffOf(generations, { from: origin === "" ? null : origin, to });
      },
    }),
    route({
      method: "get",
      path: "/spaces/:space/memory",
      summary: "The files of the memory in effect.",
      answer: answers.memoryAnswer,
      handle: ({ params }) => readMemory(generations, spaceIn(params)),
    }),
    route({
      method: "get",
      path: "/spaces/:space/memory/:file{.+}",
      summary: "One file of the memory in effect, as text.",
      answer: answers.memoryFileAnswer,
      handle: ({ params }) => readMemoryFile(generations, spaceIn(params), params.file ?? ""),
    }),
    route({
      method: "post",
      path: "/spaces/:space/rollback",
      summary: "Restores a generation as a new one; by default the last published before the current one.",
      body: fields.rollbackFields,
      answer: answers.rollbackAnswer,
      handle: ({ params, body }) => rollBack(needed(), spaceIn(params), body.generation ?? null),
    }),
    route({
      method: "post",
      path: "/spaces/:space/apply",
      summary: "Publishes a dry run, if its inputs and its base are still those it was made from.",
      body: fields.applyFields,
      answer: answers.applyAnswer,
      handle: ({ params, body }) => applyDryRun(needed(), spaceIn(params), body.hash),
    }),
  ];
}

function spaceIn({ space = "" }: Readonly<Record<string, string>>): string {
  return fields.fieldsOf(fields.spaceParameter, space);
}

async function readMemory(generations: Generations, space: string): Promise<MemoryAnswer> {
  const current = await generations.current(space);
  const files = (current?.manifest ?? []).map(({ path, bytes, hash }) => ({ path, bytes, hash }));
  return { space, generation: current?.generation ?? null, files };
}

/** `path` is only ever compared with the paths of the manifest, so it can lead nowhere else. */
async function readMemoryFile(
  generations: Generations,
  space: string,
  path: string,
): Promise<MemoryFileAnswer> {
  const current = await generations.current(space);
  const entry = current?.manifest.find((one) => one.path === path);
  if (current === null || entry === undefined) {
    throw httpError("unknown_file", "The memory of this space has no file of this name.");
  }
  const text =
    entry.bytes > MOST_TEXT ? null : decoded(await storedBlob({ generations }, { path, hash: entry.hash }));
  const { bytes, hash } = entry;
  return { space, generation: current.generation.id, path, bytes, hash, text };
}

function spaceTaken(): SlowwaveError {
  return httpError("skipped_running", "A run works on this space; cancel it first, or wait for its end.");
}

async function rollBack(
  maintenance: Pick<Controls, "rollback">,
  space: string,
  target: string | null,
): Promise<RollbackAnswer> {
  const answer = await maintenance.rollback({ space, target });
  if (answer.kind === "running") throw spaceTaken();
  const { kind, generation, restored, kept, files } = answer;
  return { space, outcome: kind, generation, restored: restored.id, kept: kept?.id ?? null, files };
}

async function applyDryRun(
  maintenance: Pick<Controls, "apply">,
  space: string,
  hash: string,
): Promise<ApplyAnswer> {
  const answer = await maintenance.apply({ space, hash });
  if (answer.kind === "running") throw spaceTaken();
  const { kind, draft, generation, files } = answer;
  return { space, outcome: kind, hash: draft.hash, generation, files };
}

/** A text that is longer is not sent. */
const LONGEST_TEXT = 256 * 1024;
/** All texts of one answer; beyond it files are named, but not sent. */
const MOST_TEXT = 8 * 1024 * 1024;

type Generations = Pick<GenerationStore, "current" | "list" | "manifest" | "read" | "blob">;

async function listGenerations(
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
async function readGeneration(generations: Generations, id: string): Promise<Generation> {
  const found = await generations.read(id);
  if (found === null) throw httpError("unknown_generation", "There is no generation of this id here.");
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
