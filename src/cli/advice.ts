import { isDirty, isExhausted, isLeaseAlive, isRetryUnexplained, type JobRow } from "../domain/job.ts";
import { about } from "./ui/format.ts";

/** All that decides what a space is waiting for. Times are Unix seconds. */
export interface Situation {
  readonly job: JobRow | null;
  /** Stage-1 outputs in the store, and those newer than the last success. */
  readonly outputs: number;
  readonly backlog: number;
  /** The unfinished run of the space, if there is one, and whether its process lives. */
  readonly unfinished: { readonly id: string; readonly owner: Liveness } | null;
  /** The run that holds the job and that nobody here can go on with, if there is one, and why. */
  readonly parked: { readonly id: string; readonly why: string } | null;
  /** Whether the process named in the job row lives. */
  readonly owner: Liveness | null;
  /** The job is held by an apply or a purge that was killed. */
  readonly isLeftByControl: boolean;
  readonly successCooldownSeconds: number;
  /** How long after a failure the next try is due, by the settings of now. */
  readonly retryDelaySeconds: number;
  /** Failures in a row that are allowed. */
  readonly retries: number;
  /** How many runs in a row failed; 0 when another program's did. */
  readonly failures: number;
  /** The sentence of a day's budget that is used up; null: something is left, or there is none. */
  readonly spent: string | null;
  readonly now: number;
}
export type Liveness = "alive" | "dead" | "unknown";

/** One sentence: what the space is waiting for, or what to do. The first that fits, in this order. */
export function adviceFor(situation: Situation): string {
  return RULES.find(({ when }) => when(situation))?.sentence(situation) ?? "Nothing to do.";
}

interface Rule {
  readonly when: (situation: Situation) => boolean;
  readonly sentence: (situation: Situation) => string;
}

const RULES: readonly Rule[] = [
  {
    when: ({ unfinished }) => unfinished?.owner === "dead",
    sentence: ({ unfinished }) =>
      `Run ${unfinished?.id} was left unfinished by a process that died; \`slowwave run\` (or \`slowwave recover\`) continues it.`,
  },
  {
    when: ({ unfinished }) => unfinished?.owner === "alive",
    sentence: ({ unfinished }) =>
      `Run ${unfinished?.id} is working on it; wait for it, or stop it with \`slowwave cancel ${unfinished?.id}\`.`,
  },
  {
    when: ({ unfinished, job, now }) => unfinished !== null && job !== null && isLeaseAlive(job, now),
    sentence: ({ unfinished, job, now }) =>
      `Run ${unfinished?.id} may still be at work, its process cannot be seen from here; its lease ends in ${leaseLeft(job, now)}.`,
  },
  {
    when: ({ unfinished }) => unfinished !== null,
    sentence: ({ unfinished }) =>
      `Run ${unfinished?.id} is unfinished and its process cannot be seen from here; \`slowwave doctor\` looks closer.`,
  },
  {
    when: ({ parked, job, now }) => parked !== null && held(job, now),
    sentence: ({ parked }) =>
      `Run ${parked?.id} holds the job and can't go on (${parked?.why}); \`slowwave cancel ${parked?.id}\` releases it.`,
  },
  {
    when: ({ job, outputs }) => job === null || (outputs === 0 && !isDirty(job) && job.finished_at === null),
    sentence: () => "Nothing was imported yet; `slowwave import FILE` takes stage-1 outputs from JSONL.",
  },
  {
    when: ({ isLeftByControl }) => isLeftByControl,
    sentence: () =>
      "An apply or purge was killed while it had the space: repeat it to bring it to its end; `slowwave run` and `slowwave recover` go on without it.",
  },
  {
    when: ({ job, now, owner }) => held(job, now) && owner === "dead",
    sentence: ({ job, now }) =>
      `What held the job died, or is another program; its lease ends in ${leaseLeft(job, now)}, then \`slowwave run\` takes over.`,
  },
  {
    when: ({ job, now }) => held(job, now),
    sentence: ({ job, now }) =>
      `Another worker holds the job; its lease ends in ${leaseLeft(job, now)} unless it renews it.`,
  },
  {
    when: ({ job }) => job !== null && !isDirty(job),
    sentence: () => "Up to date; new stage-1 outputs will make it due.",
  },
  {
    when: ({ job, retries }) => job !== null && isExhausted(job, retries),
    sentence: ({ job, failures }) =>
      `${failures > 1 ? `${failures} runs in a row failed` : "No retry is left"}${because(job)}: the space waits for a person, \`slowwave run --now\`, or for new stage-1 outputs, which fill the retries again.`,
  },
  { when: ({ spent }) => spent !== null, sentence: ({ spent }) => spent ?? "" },
  {
    when: ({ job, retryDelaySeconds, now }) =>
      job !== null && isRetryUnexplained(job, retryDelaySeconds, now),
    sentence: ({ job, retryDelaySeconds, now }) =>
      `The last run failed${because(job)}, and the next try would be due only in ${about((job?.retry_at ?? now) - now)}, which a delay of ${about(retryDelaySeconds)} does not explain: the clock jumped, or the delay was longer then; \`slowwave run --now\` tries at once.`,
  },
  {
    when: ({ job, now }) => (job?.retry_at ?? 0) > now,
    sentence: ({ job, now }) =>
      `The last run failed${because(job)}; the next try is due in ${about((job?.retry_at ?? now) - now)}, \`slowwave run --now\` tries at once.`,
  },
  {
    when: ({ job, successCooldownSeconds, now }) => coolingLeft(job, successCooldownSeconds, now) > 0,
    sentence: ({ job, successCooldownSeconds, now }) =>
      `The last success is too recent; due in ${about(coolingLeft(job, successCooldownSeconds, now))}, \`slowwave run --now\` does not wait.`,
  },
  {
    when: ({ job }) => job?.status === "running",
    sentence: () => "The last worker's lease ran out; `slowwave run` takes the job over.",
  },
  {
    when: ({ backlog }) => backlog > 0,
    sentence: ({ backlog }) =>
      `${backlog} stage-1 ${backlog === 1 ? "output waits" : "outputs wait"} for consolidation; \`slowwave run\` does it now.`,
  },
  { when: () => true, sentence: () => "Consolidation is due; `slowwave run` does it now." },
];

function held(job: JobRow | null, now: number): boolean {
  return job !== null && isLeaseAlive(job, now);
}

function leaseLeft(job: JobRow | null, now: number): string {
  return about((job?.lease_until ?? now) - now);
}

/** The same test as the claim's (`refusal`). */
function coolingLeft(job: JobRow | null, cooldownSeconds: number, now: number): number {
  if (job === null || cooldownSeconds <= 0 || job.last_error !== null) return 0;
  return (job.finished_at ?? 0) + cooldownSeconds - now;
}

function because(job: JobRow | null): string {
  return job?.last_error == null ? "" : ` (${job.last_error})`;
}
