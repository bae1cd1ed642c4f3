import { SlowwaveError } from "../domain/failure.ts";
import { changesBetween, type Draft } from "../domain/generation.ts";
import type { Stage1Output } from "../domain/memory.ts";
import type { Store } from "../domain/ports.ts";
import { pathText } from "../text/sanitize.ts";
import { outputDigest } from "./inputs-digest.ts";
import type { ReconciledRoot } from "./reconcile-root.ts";

const NAMED = 5;

/** Says exactly what is no longer what a draft was made from: which inputs, which generation, which files. */
export async function outdated(
  store: Pick<Store, "memories" | "generations">,
  now: {
    readonly draft: Draft;
    readonly inputs: readonly Stage1Output[];
    readonly head: ReconciledRoot["head"];
  },
): Promise<SlowwaveError> {
  const { draft, inputs, head } = now;
  const parts = [
    ...inputParts(await store.memories.inputsOf(draft.run), inputs),
    ...(await memoryParts(store, draft, head)),
  ];
  return new SlowwaveError(
    "draft_outdated",
    `Not applied, since this has changed after the dry run: ${parts.join("; ")}. ` +
      "Nothing was published; `slowwave run --dry-run` makes a new one.",
  );
}

function inputParts(then: readonly Stage1Output[], now: readonly Stage1Output[]): readonly string[] {
  const [was, is] = [byThread(then), byThread(now)];
  const added = [...is.keys()].filter((id) => !was.has(id));
  const removed = [...was.keys()].filter((id) => !is.has(id));
  const updated = [...is.keys()].filter((id) => was.has(id) && was.get(id) !== is.get(id));
  return [...named("new input", added), ...named("updated input", updated), ...named("input gone", removed)];
}

function byThread(outputs: readonly Stage1Output[]): ReadonlyMap<string, string> {
  return new Map(outputs.map((output) => [output.threadId, outputDigest(output)]));
}

async function memoryParts(
  { generations }: Pick<Store, "generations">,
  { base }: Draft,
  head: ReconciledRoot["head"],
): Promise<readonly string[]> {
  const current = head?.generation ?? null;
  if ((current?.id ?? null) === base) return [];
  const how = current?.kind === "edited" ? "the folder was edited by hand" : "the memory moved on";
  const before = base === null ? [] : ((await generations.manifest(base)) ?? []);
  const { added, modified, deleted } = changesBetween(before, head?.manifest ?? []);
  return [
    `${how} (generation ${current?.id ?? "none"} instead of ${base ?? "none"})`,
    ...named("file added", added),
    ...named("file modified", modified),
    ...named("file deleted", deleted),
  ];
}

function named(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, NAMED).map(pathText).join(", ");
  return [`${what} ${shown}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ""}`];
}
