import { fromPromise } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { ExtractAnswer, ExtractInput, LearnRunInput } from "../domain/phase1.ts";
import type { Extraction } from "../extraction/index.ts";
import { removePath } from "../files/folder.ts";
import { answerOf, askExtractor, endExtractor } from "./agent-extractor.ts";
import type { LearningDeps, RunCache } from "./run-cache.ts";

/** Writes the note: by rules in this process, or by an agent in a room that holds the evidence and nothing else. */
export function extractNote(deps: LearningDeps, cache: RunCache) {
  return fromPromise<ExtractAnswer, ExtractInput>(async ({ input, signal }) => {
    const extraction = await extracted(deps, cache, input, signal);
    cache.extraction = extraction;
    cache.checked = null;
    if (extraction.kind === "none") return { kind: "none", verdict: extraction.reason };
    const { rawMemory, rolloutSummary } = extraction.note;
    return { kind: "note", bytes: Buffer.byteLength(rawMemory) + Buffer.byteLength(rolloutSummary) };
  });
}

async function extracted(
  deps: LearningDeps,
  cache: RunCache,
  input: ExtractInput,
  signal: AbortSignal,
): Promise<Extraction> {
  const evidence = await cache.evidence(input);
  const session = await cache.session(input.key, input.space);
  if (deps.runner === null) return deps.rules.extract(session, evidence);
  return askExtractor(deps, { ...input, session, evidence, signal, faults: cache.faults });
}

/**
 * The note as it was written last, also for a process that took the run over: rules give the same again, and what an agent
 * wrote lies beside its room.
 */
export async function lastExtraction(
  deps: LearningDeps,
  cache: RunCache,
  input: Omit<ExtractInput, "repair"> & { readonly repair: number | null },
): Promise<Extraction> {
  if (cache.extraction !== null) return cache.extraction;
  const evidence = await cache.evidence(input);
  const session = await cache.session(input.key, input.space);
  const extraction =
    deps.runner === null
      ? deps.rules.extract(session, evidence)
      : await answerOf(deps, { session, evidence, repair: input.repair });
  if (extraction === null) {
    throw new SlowwaveError(
      "extraction_lost",
      "What the extractor wrote was lost; the session is learned again.",
    );
  }
  cache.extraction = extraction;
  return extraction;
}

/** Ends whatever the extractor left running, and clears its folder. */
export function closeExtractor(deps: LearningDeps) {
  return fromPromise<void, LearnRunInput>(async () => {
    if (deps.runner === null) return;
    await endExtractor(deps);
    await removePath(deps.files, deps.runFolder);
  });
}
