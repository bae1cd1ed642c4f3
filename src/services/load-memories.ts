import { fromPromise } from "xstate";
import { completionWatermark } from "../domain/memory.ts";
import type { LoadAnswer, RunInput } from "../domain/phase2.ts";
import type { MemoryStore } from "../domain/ports.ts";

export interface LoadDeps {
  readonly memories: Pick<MemoryStore, "select" | "recordInputs" | "inputsOf">;
}

/**
 * Fixes the inputs of the run: the newest outputs that are not blank (original, section 3, point S), recorded
 * under the run so that every later step, also after a crash, sees the same texts.
 */
export function loadMemories({ memories }: LoadDeps) {
  return fromPromise<LoadAnswer, RunInput & { limit: number; watermark: number }>(async ({ input }) => {
    const { run, space, limit, watermark } = input;
    let outputs = await memories.inputsOf(run);
    if (outputs.length === 0) {
      outputs = await memories.select(space, limit);
      await memories.recordInputs(run, outputs);
    }
    return { inputs: outputs.length, completionWatermark: completionWatermark(watermark, outputs) };
  });
}
