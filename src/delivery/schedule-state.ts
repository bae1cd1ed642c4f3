import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How the scheduled runs went; kept as a file, since whoever tells it must not need the store. */
export interface ScheduleState {
  /** Unix milliseconds. */
  readonly lastAtMs: number;
  readonly lastSuccessAtMs: number | null;
  /** Since the last success. */
  readonly failures: number;
  readonly firstFailureAtMs: number | null;
  /** Of the last failure: its exit code or signal, and its last line. */
  readonly code: string | null;
  readonly message: string | null;
}

/** So many in a row are no accident. */
export const FAILURES_TO_REPORT = 3;

export function scheduleStateFile(home: string): string {
  return join(home, "schedule-state.json");
}

/** Null when no scheduled run was ever made, or the file can't be understood. */
export function readScheduleState(home: string): ScheduleState | null {
  try {
    const state = JSON.parse(readFileSync(scheduleStateFile(home), "utf8")) as Partial<ScheduleState> | null;
    if (typeof state?.lastAtMs !== "number" || typeof state.failures !== "number") return null;
    const number = (value: unknown) => (typeof value === "number" ? value : null);
    const text = (value: unknown) => (typeof value === "string" ? value.slice(0, 300) : null);
    return {
      lastAtMs: state.lastAtMs,
      lastSuccessAtMs: number(state.lastSuccessAtMs),
      failures: state.failures,
      firstFailureAtMs: number(state.firstFailureAtMs),
      code: text(state.code),
      message: text(state.message),
    };
  } catch {
    return null;
  }
}

export async function writeScheduleState(home: string, state: ScheduleState): Promise<void> {
  const file = scheduleStateFile(home);
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  await rename(`${file}.${process.pid}`, file);
}

/** A sentence for the person when the schedule keeps failing; null while all is well. */
export function scheduleComplaint(state: ScheduleState | null): string | null {
  if (state === null || state.failures < FAILURES_TO_REPORT) return null;
  const since = state.firstFailureAtMs === null ? "" : ` since ${day(state.firstFailureAtMs)}`;
  const code = state.code === null ? "" : ` (${state.code})`;
  return `Scheduled learning failed ${state.failures} times in a row${since}${code}; \`slowwave schedule status\` says why.`;
}

function day(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8e15
    ? new Date(ms).toISOString().slice(0, 10)
    : "an unknown day";
}

/** What the next recall tells. */
export function scheduleNotices(home: string): readonly string[] {
  const complaint = scheduleComplaint(readScheduleState(home));
  return complaint === null ? [] : [complaint];
}

/** The state after one more scheduled run. */
export function scheduleStateAfter(
  before: ScheduleState | null,
  run: {
    readonly atMs: number;
    readonly failure: { readonly code: string; readonly message: string } | null;
  },
): ScheduleState {
  const { atMs, failure } = run;
  if (failure === null) {
    return {
      lastAtMs: atMs,
      lastSuccessAtMs: atMs,
      failures: 0,
      firstFailureAtMs: null,
      code: null,
      message: null,
    };
  }
  return {
    lastAtMs: atMs,
    lastSuccessAtMs: before?.lastSuccessAtMs ?? null,
    failures: (before?.failures ?? 0) + 1,
    firstFailureAtMs: before !== null && before.failures > 0 ? before.firstFailureAtMs : atMs,
    code: failure.code,
    message: failure.message,
  };
}
