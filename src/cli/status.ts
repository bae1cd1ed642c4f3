import { isDirty, type JobRow } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import { adviceFor, type Liveness } from "./advice.ts";
import { about, moment } from "./elapsed.ts";
import { EXIT } from "./exit-code.ts";
import { bold, cyan, dim, type Line } from "./paint.ts";
import { rootOf } from "./root-of.ts";
import { type RunSummary, summaryOf } from "./run-summary.ts";
import { runLine } from "./runs.ts";
import { choicesFrom } from "./settings.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore } from "./store.ts";

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
  readonly unfinished: { readonly id: string; readonly owner: Liveness } | null;
  readonly lastSuccess: RunSummary | null;
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  readonly advice: string;
}

const SHOWN_RUNS = 5;
/** The newest success is looked for among this many runs. */
const SEARCHED_RUNS = 100;
const MAX_INPUTS = 4096;

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
  const isHeld = job?.status === "running" && job.worker_id !== null;
  const report = {
    space,
    memoryRoot: rootOf(places, space),
    job,
    owner: isHeld ? await livenessOf(job.worker_id ?? "", store) : null,
    leaseSecondsLeft: job?.status === "running" ? Math.max(0, (job.lease_until ?? 0) - now) : null,
    outputs,
    backlog: await backlogOf(store, space, job),
    unfinished,
    lastSuccess: runs.find(({ outcome, dryRun }) => outcome === "succeeded" && !dryRun) ?? null,
    runs: runs.slice(0, SHOWN_RUNS),
  };
  const advice = adviceFor({ ...report, now, successCooldownSeconds: settings.successCooldownSeconds });
  return { ...report, advice };
}

async function livenessOf(owner: string, store: Store | null): Promise<Liveness> {
  return (await store?.owners.probe(owner)) ?? "unknown";
}

/** What a run would find new. A clean job has no backlog, and its texts need not be read. */
async function backlogOf(store: Store | null, space: string, job: JobRow | null): Promise<number> {
  if (store === null || job === null || !isDirty(job)) return 0;
  const seen = job.last_success_watermark ?? 0;
  const outputs = await store.memories.select(space, MAX_INPUTS);
  return outputs.filter(({ sourceUpdatedAt }) => sourceUpdatedAt > seen).length;
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
    field(
      "last success",
      lastSuccess?.finishedAt == null ? "none" : moment(Date.parse(lastSuccess.finishedAt)),
    ),
    ...(runs.length === 0 ? [] : ["", dim("last runs"), ...runs.map(runLine)]),
    "",
    [cyan("→"), ` ${report.advice}`],
  ];
}

function field(name: string, value: Extract<Line, string | { text: string }>): Line {
  return [dim(name.padEnd(14)), value];
}
