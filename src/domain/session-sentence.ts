import { DEFAULT_RETRIES, type JobRow } from "./job.ts";
import { isExcluded, jobKeyOf, type SessionRow, type SessionStore, type SessionVerdict } from "./session.ts";

/** What a person reads of a session, wherever sessions are listed. */
export interface SessionSentence {
  /** What became of it, or what it waits for. Where `at` is not null `{time}` stands for it: lists have their own clocks. */
  readonly sentence: string;
  /** Unix ms. */
  readonly at: number | null;
  readonly tone: "good" | "open" | "bad" | "quiet";
}

/** The sentence with its time as this list writes times. */
export function sentenceAt({ sentence, at }: SessionSentence, moment: (ms: number) => string): string {
  return at === null ? sentence : sentence.replace("{time}", moment(at));
}

/** Writes one sentence on each session of a space, from what the store holds now. */
export async function sentenceWriter(
  sessions: Pick<SessionStore, "jobs" | "exclusions">,
  space: string,
  nowMs: number,
): Promise<(row: SessionRow) => SessionSentence> {
  const jobs = new Map((await sessions.jobs()).map((job) => [job.job_key, job]));
  const exclusions = await sessions.exclusions();
  return (row) =>
    isExcluded(row, exclusions)
      ? words("excluded", "quiet")
      : sentenceOf(row, jobs.get(jobKeyOf(space, row.key)) ?? null, nowMs);
}

const SETTLED: Readonly<Partial<Record<SessionVerdict, SessionSentence>>> = {
  learned: words("learned", "good"),
  nobody_spoke: words("nobody spoke in it", "quiet"),
  no_signal: words("nothing in it was worth a note", "quiet"),
  polluted: words("words from outside are in it, and such sessions are left out", "quiet"),
  too_old: words("too old; `slowwave learn --session` learns it all the same", "quiet"),
  subagent: words("an agent started it", "quiet"),
  own: words("an agent of Slowwave made it", "quiet"),
  headless: words("a program held it", "quiet"),
  gone: words("its file is gone", "quiet"),
};

function sentenceOf(row: SessionRow, job: JobRow | null, nowMs: number): SessionSentence {
  if (job?.status === "running" && (job.lease_until ?? 0) * 1000 > nowMs) {
    return words("is being learned", "open");
  }
  const settled = SETTLED[row.verdict];
  if (settled !== undefined) return settled;
  if (row.verdict === "not_idle" && (row.verdictUntil ?? 0) > nowMs) {
    return words("waits until {time} (somebody spoke lately)", "open", row.verdictUntil);
  }
  const why = FAILURES[row.verdict];
  return why === undefined ? words("due", "open") : failed(why, job, nowMs);
}

const FAILURES: Readonly<Partial<Record<SessionVerdict, string>>> = {
  failed: "failed",
  unreadable: "not readable",
  unknown_format: "of an unknown format",
};

function failed(what: string, job: JobRow | null, nowMs: number): SessionSentence {
  const why = `${what}${job?.last_error ? ` (${job.last_error})` : ""}`;
  const retryMs = (job?.retry_at ?? 0) * 1000;
  const isExhausted = job !== null && DEFAULT_RETRIES - job.retry_remaining >= DEFAULT_RETRIES;
  if (isExhausted) return words(`${why}; no retry is left; \`slowwave learn --session\` tries again`, "bad");
  return retryMs > nowMs
    ? words(`${why}; tried again at {time}`, "bad", retryMs)
    : words(`${why}; due again`, "bad");
}

function words(sentence: string, tone: SessionSentence["tone"], at: number | null = null): SessionSentence {
  return { sentence, at, tone };
}
