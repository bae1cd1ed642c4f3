import type { Generation, GenerationStore, HandEdit } from "../domain/generation.ts";
import { difference, type FileDiff } from "./compare.ts";
import { annotate } from "./hand-edits.ts";
import type { EditedMemory } from "./memory-edits.ts";
import { unified } from "./unified.ts";

const LIMIT = 512 * 1024;

/**
 * What a person did to a memory by hand, for the agent that works on it: a unified diff in which every `+` line is the person's,
 * also from earlier runs, and every `-` line one that they took away since the last run. Null: nothing is theirs.
 */
export async function handEditsDiff(
  generations: Pick<GenerationStore, "blob" | "manifest" | "read">,
  { generation, manifest }: { readonly generation: Generation; readonly manifest: EditedMemory["manifest"] },
): Promise<string | null> {
  const edits = generation.handEdits ?? {};
  const origin = generation.kind === "edited" && generation.parent !== null ? generation.parent : null;
  const parent = origin === null ? null : await generations.read(origin);
  const before = origin === null ? [] : ((await generations.manifest(origin)) ?? []);
  const textOf = async (files: EditedMemory["manifest"], path: string) => {
    const entry = files.find((one) => one.path === path);
    const bytes = entry === undefined ? null : await generations.blob(entry.hash);
    return bytes === null ? null : Buffer.from(bytes).toString();
  };
  const files: FileDiff[] = [];
  for (const [path, own] of Object.entries(edits).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const now = own[0]?.line === -1 ? null : await textOf(manifest, path);
    const then = await textOf(before, path);
    const old =
      then === null
        ? now === null
          ? ""
          : withoutOwn(now, own)
        : withoutOwn(then, parent?.handEdits?.[path] ?? []);
    const change = now === null ? "deleted" : old.trim() === "" ? "added" : "modified";
    files.push({ path, change, ...difference(old, now ?? "") });
  }
  const shown = files.filter(({ hunks }) => hunks === null || hunks.length > 0);
  return shown.length === 0 ? null : unified(shown, LIMIT);
}

function withoutOwn(text: string, edits: readonly HandEdit[]): string {
  const kept = annotate({ text, edits }).filter(({ edit }) => edit === null);
  return kept.map((line) => `${line.text}\n`).join("");
}
