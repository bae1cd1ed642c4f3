import type { Generation } from "../domain/generation.ts";

/** Whether a run made this generation; what a person left, no run has seen yet. */
export function isConsolidated({ kind }: Generation): boolean {
  return kind === "published" || kind === "rollback";
}
