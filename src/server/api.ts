import type { FleetOverview } from "../domain/admission.ts";
import type { RunResult } from "../domain/event.ts";
import type { FileChanges, Generation } from "../domain/generation.ts";
import type { JobRow, Outcome } from "../domain/job.ts";
import type { SessionRow } from "../domain/session.ts";
import type { SessionSentence } from "../domain/session-sentence.ts";
import type { Status } from "../domain/status.ts";
import type { BudgetUse } from "../domain/usage.ts";
import type { DayLimits } from "../internal/runs.ts";

/**
 * What the HTTP API answers (contract, section 9), as the page reads it. All JSON; times are Unix milliseconds
 * unless a name says otherwise. Texts are untrusted and unescaped: whoever shows them shows them as text.
 */

/** `GET /api/runs?space&outcome&before&limit`: newest first; `before` is the last id of the previous page. */
export interface RunsAnswer {
  readonly runs: readonly RunSummary[];
  /** Over all runs of the space filter, by outcome; `active` are unfinished. */
  readonly counts: Readonly<Record<Outcome | "active", number>>;
  readonly nextBefore: string | null;
  /** Sentences for the person, such as that the schedule keeps failing; absent when there is none. */
  readonly notices?: readonly string[] | undefined;
}

export interface RunSummary {
  readonly id: string;
  readonly space: string;
  /** `phase2`, or `phase1` where a session was learned. */
  readonly machine: string;
  /** Key of that session; null for a consolidation. */
  readonly session: string | null;
  readonly state: "active" | "done" | "error" | "parked";
  /** Dotted state value. */
  readonly value: string;
  readonly outcome: Outcome | null;
  readonly status: Status | null;
  /** One line: what it is doing, or why it ended so. */
  readonly line: string;
  readonly inputs: number | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly cancelRequestedAtMs: number | null;
}

/** `GET /api/runs/:id` */
export interface RunAnswer {
  readonly run: RunSummary;
  readonly owner: { readonly id: string; readonly life: "alive" | "dead" | "unknown" };
  /** Null when the run holds no job (any more). */
  readonly lease: LeaseView | null;
  readonly job: JobRow | null;
  /** Null while unfinished. */
  readonly result: RunResult | null;
  /** Persisted XState snapshot: value, context, children. */
  readonly snapshot: unknown;
  /** While it is unfinished: its child actors by their path, child machines with their state. */
  readonly actors: readonly { readonly actor: string; readonly src: string; readonly state: string }[];
  readonly budget: readonly BudgetMeter[];
  /** Whether the two commands are possible now, and if not, why. */
  readonly can: {
    readonly cancel: { readonly ok: boolean; readonly why: string };
    readonly retry: { readonly ok: boolean; readonly why: string };
  };
  /** The newest 1,000 log rows, oldest first; older ones by `GET /api/runs/:id/events?before=ID&limit=N`. */
  readonly events: readonly EventView[];
  readonly hasEarlier: boolean;
  readonly machine: { readonly id: string; readonly version: string; readonly hash: string };
}

export interface LeaseView {
  readonly leaseUntilMs: number;
  readonly lastBeatAtMs: number | null;
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
}

/** Of the run; and of the last 24 hours of its space, where a day has a limit. */
export type BudgetMeter =
  | BudgetUse
  | (Omit<BudgetUse, "name" | "setting"> & {
      readonly name: "runsPerDay" | "tokensPerDay" | "costPerDay";
      readonly setting: keyof DayLimits;
    });

/**
 * A row of the log, and `data` of each message of `GET /api/live?after&run&token`: server-sent events whose id is the
 * row's; `Last-Event-ID` or `after` says which row was seen last, absent: from now on. Machine events have a
 * `sequence` and a `value`, observations have neither.
 */
export interface EventView {
  readonly id: number;
  readonly run: string;
  readonly sequence: number | null;
  readonly atMs: number;
  readonly type: string;
  readonly value: string | null;
  readonly data: unknown;
}

/** `GET /api/runs/:id/events?before&limit`: the newest rows with an id below `before`, oldest first. */
export interface EventsAnswer {
  readonly events: readonly EventView[];
  readonly hasEarlier: boolean;
}

/** `GET /api/runs/:id/at/:sequence`: the snapshot after that machine event, replayed from the log. */
export interface SnapshotAnswer {
  readonly sequence: number;
  readonly value: string;
  readonly snapshot: unknown;
}

/** `POST /api/runs` with `{ space?, now? }`. */
export interface StartAnswer {
  readonly run: string;
  readonly adopted: boolean;
}

/** `POST /api/runs/:id/cancel` */
export interface CancelAnswer {
  readonly outcome: "cancelled" | "requested" | "over" | "unknown";
}

/** `GET /api/machine?machine`: the definition, and the chart as laid out at build time. */
export interface MachineAnswer {
  readonly id: string;
  readonly version: string;
  readonly hash: string;
  readonly definition: unknown;
}

/** `GET /api/coverage?machine`: what the path tests wrote, `coverage/paths.json` or `coverage/paths-phase1.json`. */
export interface CoverageAnswer {
  readonly machine: string;
  readonly hash: string;
  readonly transitions: readonly {
    readonly id: string;
    readonly source: string;
    readonly event: string;
    readonly target: string;
    readonly paths: readonly number[];
  }[];
  readonly paths: readonly string[];
}

/** `GET /api/sessions?space&before&limit`: what became of each session that an agent keeps here, newest first. */
export interface SessionsAnswer {
  readonly sessions: readonly SessionView[];
  /** What to give as `before` for those that follow; null: these were the last. */
  readonly nextBefore: string | null;
  /** Spaces that have sessions, by name; the first 200. */
  readonly spaces: readonly string[];
  /** How many there are, by verdict. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A session with what a person reads of it. */
export interface SessionView extends SessionRow, SessionSentence {
  /** Of the repository or folder it was held in, as people call it; null where nobody knows. */
  readonly projectName: string | null;
}

/** `GET /api/fleet?tenants`: who works on this store, and what waits for whom. */
export interface FleetAnswer extends FleetOverview {
  /** By which settings a space counts as due here: a worker that was started with others may see it otherwise. */
  readonly dueBy: { readonly successCooldownSeconds: number; readonly retries: number };
}

/** `GET /api/generations?space` */
export interface GenerationsAnswer {
  readonly generations: readonly (Generation & {
    readonly changes: FileChanges;
    readonly current: boolean;
  })[];
}

/** `GET /api/diff?from&to`: whole texts of what differs; `from` empty: nothing was there; absent: the parent of `to`. */
export interface DiffAnswer {
  readonly from: string | null;
  readonly to: string;
  readonly files: readonly {
    readonly path: string;
    readonly change: "added" | "modified" | "deleted";
    /** Null: not there, or not text, or longer than 256 KiB, or beyond 8 MiB of texts in this answer. */
    readonly before: string | null;
    readonly after: string | null;
  }[];
}

/**
 * `GET /api/spaces/:space/memory`: the generation in effect. What somebody changed by hand in the folder since then is
 * not in it.
 */
export interface MemoryAnswer {
  readonly space: string;
  /** Null: nothing was published yet. */
  readonly generation: Generation | null;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly hash: string }[];
}

/** `GET /api/spaces/:space/memory/FILE` */
export interface MemoryFileAnswer {
  readonly space: string;
  readonly generation: string;
  readonly path: string;
  readonly bytes: number;
  readonly hash: string;
  /** Null: not text, or longer than 8 MiB. */
  readonly text: string | null;
}

/** `POST /api/spaces/:space/rollback` with `{ generation? }`: as `slowwave rollback` names one. */
export interface RollbackAnswer {
  readonly space: string;
  readonly outcome: "restored" | "unchanged";
  /** In effect now. */
  readonly generation: string;
  readonly restored: string;
  /** Generation that keeps what a person had changed by hand; null when there was nothing. */
  readonly kept: string | null;
  readonly files: FileChanges;
}

/** `POST /api/spaces/:space/apply` with `{ hash }`: of a dry run. */
export interface ApplyAnswer {
  readonly space: string;
  readonly outcome: "applied" | "unchanged";
  readonly hash: string;
  readonly generation: string | null;
  readonly files: FileChanges;
}

/** Every error: `{ error: { code, message } }` with a 4xx or 5xx status. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

/** `GET /api/runs/:id/export`: everything the page shows of one run, to be opened without a server. */
export interface ExportedRun {
  readonly format: "slowwave-run";
  readonly version: 1;
  readonly exportedAtMs: number;
  readonly detail: RunAnswer;
  readonly snapshots: readonly SnapshotAnswer[];
  readonly diff: DiffAnswer | null;
}
