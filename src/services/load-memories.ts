import { fromPromise } from "xstate";
import type { Finding } from "../domain/generation.ts";
import { completionWatermark, type MemoryStore, type SetAside } from "../domain/memory.ts";
import type { LoadAnswer, RunHold, RunInput } from "../domain/phase2.ts";

export interface LoadDeps {
  readonly memories: Pick<MemoryStore, "select" | "setAside" | "recordInputs" | "inputsOf">;
  readonly hold: Pick<RunHold, "note">;
}

/** Findings of one run about rows that were left out; `slowwave doctor` names them all. */
const MOST_FINDINGS = 5;

/**
 * Fixes the inputs of the run: the newest outputs that are not blank (original, section 3, point S), recorded
 * under the run so that every later step, also after a crash, sees the same texts. Rows that can't be used are left
 * out with a finding each.
 */
export function loadMemories({ memories, hold }: LoadDeps) {
  return fromPromise<LoadAnswer, RunInput & { limit: number; watermark: number }>(async ({ input }) => {
    const { run, space, limit, watermark } = input;
    let outputs = await memories.inputsOf(run);
    if (outputs.length === 0) {
      outputs = await memories.select(space, limit);
      await memories.recordInputs(run, outputs);
      const setAside = await memories.setAside(space);
      for (const finding of findingsOf(setAside)) hold.note("gate.finding", finding);
    }
    return { inputs: outputs.length, completionWatermark: completionWatermark(watermark, outputs) };
  });
}

function findingsOf(setAside: readonly SetAside[]) {
  const finding = (message: string): Finding => ({
    code: "input_set_aside",
    severity: "warn",
    path: null,
    message,
    repair: null,
  });
  const named = setAside
    .slice(0, MOST_FINDINGS)
    .map(({ message }) =>
      finding(`A stored session was left out: ${message} \`slowwave doctor\` says how to remove it.`),
    );
  const more = setAside.length - named.length;
  return more > 0
    ? [...named, finding(`${more} more stored sessions were left out; \`slowwave doctor\` names them.`)]
    : named;
}
