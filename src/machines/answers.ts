import { causeOf, codeOf } from "../domain/failure.ts";
import type { ClaimAnswer, DraftAnswer, PublishAnswer, SpawnAnswer } from "../domain/phase2.ts";
import type { FailedStatus, SkippedStatus } from "../domain/status.ts";
import type { Phase2Context } from "./words.ts";

/** What the machine remembers of its actors' answers. Pure; named in `phase2.ts` where they are used. */
export function claimed(answer: ClaimAnswer): Partial<Phase2Context> {
  return answer.kind === "claimed"
    ? {
        claimedWatermark: answer.watermark,
        completionWatermark: answer.watermark,
        before: answer.before ?? null,
      }
    : {};
}

function skippedStatus(answer: ClaimAnswer): SkippedStatus | null {
  if (answer.kind === "claimed") return null;
  switch (answer.why) {
    case "not-dirty":
      return "skipped_not_dirty";
    case "running":
      return "skipped_running";
    case "cooling-down":
      return "skipped_cooldown";
    case "backing-off":
    case "exhausted":
      return "skipped_retry_unavailable";
  }
}

export function skipped(answer: ClaimAnswer): Partial<Phase2Context> {
  const cause = answer.kind === "skipped" ? answer.because : undefined;
  return { status: skippedStatus(answer), ...(cause === undefined ? {} : { cause }) };
}

export function spawned(answer: SpawnAnswer): Partial<Phase2Context> {
  if (answer.kind !== "spawned") return {};
  const { id, threadId, sandbox } = answer;
  return { agent: { id, threadId, sandbox }, agentStatus: "pendingInit" };
}

export function published(answer: PublishAnswer): Partial<Phase2Context> {
  return answer.kind === "published" ? { generation: answer.generation } : {};
}

/** Without an agent and with inputs, syncing found nothing to do. */
export function drafted(
  answer: DraftAnswer,
  { agent, inputs }: Pick<Phase2Context, "agent" | "inputs">,
): Partial<Phase2Context> {
  if (answer.kind !== "kept") return {};
  const isUnchanged = agent === null && inputs !== 0;
  return { draft: answer.draft, ...(isUnchanged ? { status: "succeeded_no_workspace_changes" } : {}) };
}

/** An error may carry a more exact status than the step it came from. */
export function fault(status: FailedStatus, error: unknown): { status: FailedStatus; cause: string } {
  const exact = EXACT.find((code) => code === codeOf(error));
  return { status: exact ?? status, cause: causeOf(error) };
}

/** What a step may report beside its own failure. */
const EXACT: readonly FailedStatus[] = [
  "failed_lost_ownership",
  "failed_subscribe_status",
  "failed_sandbox_policy",
];
