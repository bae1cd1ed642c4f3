import { hash } from "node:crypto";
import type { Stage1Output } from "../domain/memory.ts";

/** One hash for a whole selection: equal only if every field of every output, and their order, is. */
export function inputsDigest(outputs: readonly Stage1Output[]): string {
  return hash("sha256", JSON.stringify(outputs.map(fieldsOf)), "hex");
}

/** Changes with any field of the output. */
export function outputDigest(output: Stage1Output): string {
  return hash("sha256", JSON.stringify(fieldsOf(output)), "hex");
}

/** In an order that does not depend on who made the object. */
function fieldsOf(output: Stage1Output): readonly unknown[] {
  return [
    output.threadId,
    output.sourceUpdatedAt,
    output.rawMemory,
    output.rolloutSummary,
    output.generatedAt,
    output.rolloutSlug,
    output.rolloutPath,
    output.cwd,
    output.gitBranch,
  ];
}
