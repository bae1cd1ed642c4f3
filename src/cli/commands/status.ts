import type { Command } from "commander";
import { isDirty, type JobRow, tokenHeldBy } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { type DayUse, dayUse, rowBeforeKilledControl, spentSentence } from "../../internal/runs.ts";
import { adviceFor, type Liveness } from "../advice.ts";
import { EXIT } from "../exit-code.ts";
import { choicesFrom } from "../settings.ts";
import { examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore, rootOf } from "../store.ts";
import { about, counted, moment } from "../ui/format.ts";
import { bold, cyan, dim, type Line } from "../ui/paint.ts";
import { type RunSummary, summaryOf } from "../ui/run-page.ts";
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
  readonly memoryRoot: string;
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
  readonly advice: string;
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
    memoryRoot: rootOf(places, space),
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
  const isLeftByControl = store !== null && (await rowBeforeKilledControl(store, job)) !== null;
  const situation = {
    ...report,
    ...{ parked, isLeftByControl, now, successCooldownSeconds, retryDelaySeconds, retries, spent, failures },
  };
  const advice = adviceFor(situation);
  return { ...report, advice };
}

async function livenessOf(owner: string, store: Store | null): Promise<Liveness> {
  return (await store?.owners.probe(owner)) ?? "unknown";
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
    field("memory", report.memoryRoot),
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
    "",
    [cyan("→"), ` ${report.advice}`],
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
