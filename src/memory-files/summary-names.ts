import type { Stage1Output } from "../domain/memory.ts";
import { summaryStem } from "./summary-name.ts";

/**
 * Thread id → file name for all inputs of a run. Where the original would let two threads overwrite each other
 * (same second, hash and slug, or names that differ only in case), all but one get `-2`, `-3`, …
 * Which one keeps the plain name depends on the thread ids alone, not on the order of the inputs.
 */
export function summaryNames(
  outputs: readonly Pick<Stage1Output, "threadId" | "sourceUpdatedAt" | "rolloutSlug">[],
): ReadonlyMap<string, string> {
  const stems = outputs
    .map((output) => ({ threadId: output.threadId, stem: summaryStem(output) }))
    .sort((a, b) => (a.threadId < b.threadId ? -1 : 1));
  const plain = new Set(stems.map(({ stem }) => stem.toLowerCase()));
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const { threadId, stem } of stems) {
    let name = stem;
    // A suffixed name may not take what another thread is called without one.
    for (
      let n = 2;
      taken.has(name.toLowerCase()) || (name !== stem && plain.has(name.toLowerCase()));
      n += 1
    ) {
      name = `${stem}-${n}`;
    }
    taken.add(name.toLowerCase());
    names.set(threadId, `${name}.md`);
  }
  return names;
}
