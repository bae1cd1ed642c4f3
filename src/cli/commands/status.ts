import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import {
  isDirty,
  isExhausted,
  isLeaseAlive,
  isRetryUnexplained,
  type JobRow,
  tokenHeldBy,
} from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { nodeFiles } from "../../internal/files.ts";
import { aheadMessage, unknownGeneration } from "../../internal/memory.ts";
import { type DayUse, dayUse, rowBeforeAbandonedOperation, spentSentence } from "../../internal/runs.ts";
import { readScheduleState, scheduleComplaint } from "../../internal/schedule.ts";
import { findHomeCopy, homeCopyMessage } from "../../internal/store.ts";
import { choicesFrom } from "../settings.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { IN_DATABASE, memoryRoots, openExistingStore } from "../store.ts";
import { type RunSummary, summaryOf } from "../ui/run-page.ts";
import { about, bold, counted, cyan, dim, type Line, moment, yellow } from "../ui/text.ts";
import { runLine } from "./runs.ts";

export function addStatus(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("status")
    .summary("the job, its backlog, and what it is waiting for")
    .description("Says how the space stands: job, lease, backlog, last runs, and one sentence on what to do.")
    .addHelpText("after", examples("slowwave status", "slowwave status --space my-project --json"))
    .action((_: object, command: Command) => end(status(invocation(shell, command))));
}

interface StatusReport {
  readonly space: string;
  /** Null: it is in the database alone. */
  readonly memoryRoot: string | null;
  readonly job: JobRow | null;
  /** Whether the process that holds the job lives; null when nobody holds it. */
  readonly owner: Liveness | null;
  readonly leaseSecondsLeft: number | null;
  /** Stage-1 outputs in the store, and those that the last success has not seen. */
  readonly outputs: number;
  readonly backlog: number;
  /** Threads that were purged here and are not taken again; only hashes of their ids are kept. */
  readonly forgotten: number;
  /** What the runs of the last 24 hours used, and what is left of the day's budgets. */
  readonly today: Today;
  readonly unfinished: { readonly id: string; readonly owner: Liveness } | null;
  readonly lastSuccess: RunSummary | null;
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** What is odd about the home or the memory folder, each in a sentence. */
  readonly warnings: readonly string[];
  readonly advice: string;
  /** A sentence when the schedule keeps failing; null while all is well. */
  readonly schedule: string | null;
}

interface Today extends Omit<DayUse, "freeAtMs"> {
  /** RFC 3339: when a run may start again; null = now. */
  readonly freeAt: string | null;
}

const SHOWN_RUNS = 5;
/** The newest success is looked for among this many runs. */
const SEARCHED_RUNS = 100;

/** `slowwave status`; returns the exit code. */
export async function status(at: Invocation): Promise<number> {
  const store = await openExistingStore(at.places);
  try {
    const report = await statusOf(store, at);
    if (at.json) at.output.printJson(report);
    else at.output.print(...picture(report, Math.floor(at.world.nowMs() / 1000)));
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

async function statusOf(store: Store | null, { places, world }: Invocation): Promise<StatusReport> {
  const { space } = places;
  const now = Math.floor(world.nowMs() / 1000);
  const { settings } = choicesFrom({}, world.env, places.configFile);
  const job = (await store?.jobs.read(space)) ?? null;
  const records = (await store?.runs.list({ space, limit: SEARCHED_RUNS })) ?? [];
  const [active] = (await store?.runs.list({ space, state: "active", limit: 1 })) ?? [];
  const unfinished =
    active === undefined ? null : { id: active.id, owner: await livenessOf(active.owner, store) };
  const runs = records.map((record) => summaryOf(record, unfinished?.owner === "alive"));
  const outputs = (await store?.memories.count(space)) ?? 0;
  const { freeAtMs, ...today } = await dayUse(store?.runs ?? NO_RUNS, {
    space,
    nowMs: world.nowMs(),
    limits: settings,
  });
  const isHeld = job?.status === "running" && job.worker_id !== null;
  const report = {
    space,
    memoryRoot: memoryRoots(places)?.(space) ?? null,
    job,
    owner: isHeld ? await livenessOf(job.worker_id ?? "", store) : null,
    leaseSecondsLeft: job?.status === "running" ? Math.max(0, (job.lease_until ?? 0) - now) : null,
    outputs,
    forgotten: (await store?.memories.refused(space)) ?? 0,
    backlog: await backlogOf(store, space, job),
    today: { ...today, freeAt: freeAtMs === null ? null : new Date(freeAtMs).toISOString() },
    unfinished,
    lastSuccess: runs.find(({ outcome, dryRun }) => outcome === "succeeded" && !dryRun) ?? null,
    runs: runs.slice(0, SHOWN_RUNS),
  };
  const { successCooldownSeconds, retryDelaySeconds, retries } = settings;
  const spent = spentSentence({ ...today, freeAtMs });
  const failures = failuresInARow(runs);
  const holder = records.find((record) => tokenHeldBy(record, job) !== null);
  const parked = holder === undefined ? null : { id: holder.id, why: holder.parked ?? "unknown version" };
  const isLeftByControl = store !== null && (await rowBeforeAbandonedOperation(store, job)) !== null;
  const situation = {
    ...report,
    ...{ parked, isLeftByControl, now, successCooldownSeconds, retryDelaySeconds, retries, spent, failures },
  };
  const advice = adviceFor(situation);
  const schedule = scheduleComplaint(readScheduleState(places.home));
  const warnings = await warningsOf(store, places);
  return { ...report, warnings, advice, schedule };
}

/** What is strange about the home or its memory folder, which a run that has nothing to do would not tell. */
export async function warningsOf(
  store: Store | null,
  places: Invocation["places"],
): Promise<readonly string[]> {
  const { home, space } = places;
  const root = memoryRoots(places)?.(space) ?? null;
  const copy = await findHomeCopy(home);
  const homeId = (await readFile(join(home, "home-id"), "utf8").catch(() => "")).trim();
  const ahead =
    store === null || root === null
      ? null
      : await unknownGeneration(
          { generations: store.generations, files: nodeFiles() },
          { space, root, homeId },
        );
  return [
    ...(copy === null ? [] : [homeCopyMessage(copy)]),
    ...(root === null || ahead === null ? [] : [`${aheadMessage(root, ahead)}.`]),
  ];
}

async function livenessOf(owner: string, store: Store | null): Promise<Liveness> {
  return (await store?.liveness.probe(owner)) ?? "unknown";
}

/** What a run would find new; a clean job has no backlog. */
async function backlogOf(store: Store | null, space: string, job: JobRow | null): Promise<number> {
  if (store === null || job === null || !isDirty(job)) return 0;
  return store.memories.count(space, job.last_success_watermark ?? 0);
}

/** No database: nothing was used. */
const NO_RUNS: Parameters<typeof dayUse>[0] = { list: async () => [], tail: async () => [] };

/** Since the last run that came to anything else; skipped runs and dry runs say nothing of it. */
function failuresInARow(runs: readonly RunSummary[]): number {
  const telling = runs.filter(({ outcome, dryRun }) => !dryRun && outcome !== "skipped");
  const other = telling.findIndex(({ outcome }) => outcome !== "failed");
  return other === -1 ? telling.length : other;
}

function picture(report: StatusReport, now: number): readonly Line[] {
  const { job, owner, leaseSecondsLeft, backlog, outputs, lastSuccess, runs } = report;
  return [
    field("space", bold(report.space)),
    field("memory", report.memoryRoot ?? IN_DATABASE),
    field(
      "job",
      job === null ? "none yet" : `${job.status}${isDirty(job) ? ", work waiting" : ", up to date"}`,
    ),
    ...(leaseSecondsLeft === null
      ? []
      : [
          field(
            "held by",
            `${job?.worker_id ?? "nobody"} (${owner ?? "unknown"}), lease ${about(leaseSecondsLeft)}`,
          ),
        ]),
    ...(job?.last_error == null ? [] : [field("last error", job.last_error)]),
    ...((job?.retry_at ?? 0) > now ? [field("next try", moment((job?.retry_at ?? 0) * 1000))] : []),
    field("backlog", `${backlog} of ${outputs} stage-1 outputs`),
    ...(report.forgotten === 0
      ? []
      : [
          field(
            "forgotten",
            `${counted(report.forgotten, "purged thread")}; \`slowwave import --remember ID\` takes one again`,
          ),
        ]),
    ...todayLine(report.today),
    field(
      "last success",
      lastSuccess?.finishedAt == null ? "none" : moment(Date.parse(lastSuccess.finishedAt)),
    ),
    ...(runs.length === 0 ? [] : ["", dim("last runs"), ...runs.map(runLine)]),
    ...report.warnings.map((warning): Line => [yellow("!"), ` ${warning}`]),
    "",
    [cyan("→"), ` ${report.advice}`],
    ...(report.schedule === null ? [] : [[yellow("→"), ` ${report.schedule}`] satisfies Line]),
  ];
}

/** Shown when there was a run, or a limit there could be one of. */
function todayLine({ runs, tokens, costUsd }: Today): readonly Line[] {
  const parts = [
    part(runs, grouped, runs.used === 1 && runs.limit === null ? "run" : "runs"),
    ...(tokens.used > 0 || tokens.limit !== null
      ? [`${tokens.estimated ? "about " : ""}${part(tokens, grouped, "tokens")}`]
      : []),
    ...(costUsd.used > 0 || costUsd.limit !== null ? [part(costUsd, dollars, "")] : []),
  ];
  const isTelling = [runs, tokens, costUsd].some(({ used, limit }) => used > 0 || limit !== null);
  return isTelling ? [field("last 24 hours", parts.join(", "))] : [];
}

function part({ used, limit }: DayUse["runs"], text: (amount: number) => string, unit: string): string {
  const amount = limit === null ? text(used) : `${text(used)} of ${text(limit)}`;
  return unit === "" ? amount : `${amount} ${unit}`;
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}

function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}

function field(name: string, value: Extract<Line, string | { text: string }>): Line {
  return [dim(name.padEnd(14)), value];
}

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
type Liveness = "alive" | "dead" | "unknown";

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
    sentence: () =>
      "Nothing was learned yet; `slowwave learn --run` learns from the sessions of your agents, `slowwave import FILE` takes stage-1 outputs from JSONL.",
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
