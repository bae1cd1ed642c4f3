import type { EventObject } from "xstate";
import type { Intent } from "../domain/run.ts";
import type { RetryPolicy } from "./options.ts";

/** The policy by which a failed leaf is tried again; null where its machine is to hear of the event. */
export function retryOf(
  policies: Readonly<Record<string, RetryPolicy>>,
  { src, kind, failures = 0 }: Intent,
  { type }: EventObject,
): RetryPolicy | null {
  const policy = policies[src];
  if (policy === undefined || kind !== "start" || !type.startsWith("xstate.error.")) return null;
  return failures + 1 < policy.attempts ? policy : null;
}

/** The intent of the next attempt, and the event that records the failure. */
export function nextAttempt(
  intent: Intent,
  { backoffMs }: RetryPolicy,
  { failed, atMs }: { failed: EventObject; atMs: number },
): { readonly again: Intent; readonly event: EventObject } {
  const failures = (intent.failures ?? 0) + 1;
  const waitMs = backoffMs === undefined ? 0 : waitAfter(backoffMs, failures);
  const { error } = failed as EventObject & { error?: unknown };
  return {
    again: { ...intent, failures, dueAtMs: atMs + waitMs },
    event: { type: "slowwave.actor.retried", actor: intent.child, failures, error } as EventObject,
  };
}

function waitAfter(of: NonNullable<RetryPolicy["backoffMs"]>, failures: number): number {
  return typeof of === "number" ? of * 2 ** (failures - 1) : of(failures);
}
