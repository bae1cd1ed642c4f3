import type { RunResult } from "../domain/event.ts";

export const EXIT = { ok: 0, failed: 1, usage: 2, skipped: 3, refused: 4, budget: 5 } as const;

/** The exit code of a run that came to an end (contract, section 3); signals have codes of their own. */
export function exitCodeOf(
  { outcome, status }: Pick<RunResult, "outcome" | "status">,
  { strict }: { readonly strict: boolean },
): number {
  if (outcome === "succeeded") return EXIT.ok;
  if (outcome === "skipped") return strict ? EXIT.skipped : EXIT.ok;
  if (status === "failed_invalid_artifacts") return EXIT.refused;
  return status === "failed_budget" ? EXIT.budget : EXIT.failed;
}
