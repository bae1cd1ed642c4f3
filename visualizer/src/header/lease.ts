import type { LeaseView } from "../../../src/server/api.ts";

export interface LeaseState {
  /** `late`: a beat is overdue. `lost`: anyone may take the job. */
  readonly tone: "held" | "late" | "lost";
  readonly leftMs: number;
  /** 0 to 1. */
  readonly part: number;
  readonly sinceBeatMs: number | null;
}

/** A beat may be a tenth late before anyone is alarmed. */
const GRACE = 1.1;

export function leaseState(lease: LeaseView, nowMs: number): LeaseState {
  const leftMs = Math.max(0, lease.leaseUntilMs - nowMs);
  const sinceBeatMs = lease.lastBeatAtMs === null ? null : Math.max(0, nowMs - lease.lastBeatAtMs);
  const isLate = sinceBeatMs !== null && sinceBeatMs > lease.heartbeatSeconds * 1_000 * GRACE;
  return {
    tone: leftMs === 0 ? "lost" : isLate ? "late" : "held",
    leftMs,
    part: Math.min(1, leftMs / (lease.leaseSeconds * 1_000)),
    sinceBeatMs,
  };
}
