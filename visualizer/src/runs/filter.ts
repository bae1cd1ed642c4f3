import type { Outcome } from "../../../src/domain/job.ts";
import type { RunSummary } from "../../../src/server/api.ts";

export type RunTab = Outcome | "active" | "all";

export const RUN_TABS: readonly RunTab[] = ["all", "active", "succeeded", "failed", "skipped", "cancelled"];

/** What a person searches for: in id, space, status and reason; every word must be there. Consolidations alone. */
export function filterRuns(runs: readonly RunSummary[], tab: RunTab, wanted: string): readonly RunSummary[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    if ((run.session ?? null) !== null) return false;
    if (tab !== "all" && toneOfRun(run) !== tab) return false;
    const text = `${run.id} ${run.space} ${run.status ?? ""} ${run.value} ${run.line}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function toneOfRun(run: Pick<RunSummary, "outcome" | "state">): Exclude<RunTab, "all"> {
  return run.outcome ?? (run.state === "active" ? "active" : "failed");
}
