import { createHash } from "node:crypto";
import { fromPromise } from "xstate";
import type { Lease, Settled } from "../domain/job.ts";
import type {
  LearnClaimAnswer,
  LearnClaimInput,
  LearnFailureInput,
  LearnStatus,
  RecordAnswer,
  RecordInput,
  SkipInput,
} from "../domain/phase1.ts";
import { jobKeyOf, type SessionVerdict } from "../domain/session.ts";
import { removePath } from "../files/folder.ts";
import { noteOf } from "./check-note.ts";
import type { LearningDeps, RunCache } from "./run-cache.ts";

/**
 * Asks for the job of the session. The token comes with the run, so a repeated claim finds its own row. A claim that
 * fails may have been given all the same: it is found by its token and given back.
 */
export function claimSession({ sessions, holder, worker, clock, settings }: LearningDeps) {
  async function giveBack({ space, key, token }: LearnClaimInput): Promise<void> {
    const { leaseSeconds } = settings;
    const request = { space: jobKeyOf(space, key), token, worker, leaseSeconds, nowMs: clock.nowMs() };
    const lease = await sessions.takeOver(request);
    if (lease !== null) await sessions.release({ lease, reason: "failed_claim", nowMs: clock.nowMs() });
  }

  return fromPromise<LearnClaimAnswer, LearnClaimInput>(async ({ input }) => {
    const { space, key, token, force, again } = input;
    const { leaseSeconds, retries, cap } = settings;
    try {
      const times = { leaseSeconds, retries, cap, nowMs: clock.nowMs() };
      const outcome = await sessions.claim({ space, key, token, force, again, worker, ...times });
      if (outcome.kind === "skipped") return outcome;
      const lease: Lease = { space: jobKeyOf(space, key), token, fence: outcome.fence };
      holder.setLease(lease);
      return { kind: "claimed", watermark: outcome.watermark };
    } catch (error) {
      await giveBack(input).catch(() => giveBack(input).catch(() => {}));
      throw error;
    }
  });
}

/** The job is free again, and the session says why it was left alone. */
export function recordSkip({ sessions, holder, clock }: LearningDeps, cache: RunCache) {
  return fromPromise<Settled, SkipInput>(async ({ input: { space, key, verdict, until } }) => {
    const lease = holder.lease();
    if (lease === null) return "lost";
    const facts = factsOf(cache);
    const skip = { lease, space, key, verdict, verdictUntil: until, facts };
    return twice(() => sessions.skip({ ...skip, nowMs: clock.nowMs() }));
  });
}

/** The end of a session that was read. What an agent left on the disk goes with it. */
export function recordNote(deps: LearningDeps, cache: RunCache) {
  const { sessions, holder, clock, files, runFolder } = deps;
  return fromPromise<RecordAnswer, RecordInput>(async ({ input }) => {
    const { space, key, none } = input;
    const lease = holder.lease();
    if (lease === null) return "lost";
    // Also fills the facts, where this process has taken the run over.
    await cache.evidence(input);
    const checked = none === null ? await noteOf(deps, cache, { ...input, repair: null }) : null;
    const answer = await twice(() =>
      sessions.record({
        lease,
        space,
        key,
        note: checked?.note ?? null,
        noteHash: checked === null ? null : hashOf(checked.note.rawMemory, checked.note.rolloutSummary),
        verdict: none ?? "learned",
        facts: cache.facts(),
        evidence: checked?.evidence ?? [],
        nowMs: clock.nowMs(),
      }),
    );
    if (answer !== "lost" && deps.runner !== null) await removePath(files, runFolder).catch(() => {});
    return answer;
  });
}

export function recordFailure({ sessions, holder, clock, settings }: LearningDeps) {
  return fromPromise<Settled, LearnFailureInput>(async ({ input: { space, key, status } }) => {
    const lease = holder.lease();
    if (lease === null) return "lost";
    const { retryDelaySeconds } = settings;
    return twice(async () => {
      const nowMs = clock.nowMs();
      if (status === "cancelled") return sessions.release({ lease, reason: status, nowMs });
      const failure = { lease, space, key, reason: status, retryDelaySeconds, nowMs };
      return sessions.fail({ ...failure, verdict: verdictOf(status) });
    });
  });
}

function verdictOf(status: LearnStatus): SessionVerdict {
  if (status === "failed_unreadable") return "unreadable";
  return status === "failed_unknown_format" ? "unknown_format" : "failed";
}

function factsOf(cache: RunCache) {
  try {
    return cache.facts();
  } catch {
    return null;
  }
}

function hashOf(...texts: readonly string[]): string {
  return createHash("sha256").update(texts.join("\0")).digest("hex");
}

/** A write that failed is given once more, at once: each finds its own trace. */
async function twice<Answer>(write: () => Promise<Answer>): Promise<Answer> {
  return write().catch(() => write());
}
