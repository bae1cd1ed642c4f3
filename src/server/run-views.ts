import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { isDirty, type JobRow, type Outcome } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import type { LogRow, RunRecord, RunStore, RunTally } from "../domain/run.ts";
import { subjectOf } from "../domain/run-subject.ts";
import type { SessionRow } from "../domain/session.ts";
import { sentenceWriter } from "../domain/session-sentence.ts";
import {
  describeState,
  lineOfStatus,
  type MachineName,
  outcomeOf,
  type Status,
  statusesWith,
} from "../domain/status.ts";
import { budgetsOf, NOTHING_USED } from "../domain/usage.ts";
import { dotted } from "../internal/machine.ts";
import {
  type Allowance,
  actorsOf,
  type DayLimits,
  dayUse,
  hasDayLimits,
  type Phase2Context,
  resultOf,
  usedIn,
} from "../internal/runs.ts";
import type {
  BudgetMeter,
  DiffAnswer,
  EventsAnswer,
  ExportedRun,
  LeaseView,
  RunAnswer,
  RunSummary,
  RunsAnswer,
  SessionsAnswer,
  SnapshotAnswer,
} from "./api.ts";
import { eventView, parsed } from "./feed.ts";
import { diffOf } from "./memory-routes.ts";
import type { Replayer } from "./replay.ts";
import { httpError } from "./request.ts";

export interface RunsQuery {
  readonly space?: string | undefined;
  /** Runs that learn a session are many and small; they are listed when they are asked for. Default: phase2. */
  readonly machine?: MachineName | undefined;
  readonly outcome?: Outcome | "active" | undefined;
  /** The last id of the previous page. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export async function listRuns(
  runs: Pick<Store["runs"], "list" | "tally">,
  { outcome, limit, space, before, machine = "phase2" }: RunsQuery,
): Promise<RunsAnswer> {
  const where = { ...(space === undefined ? {} : { space }), ...(before === undefined ? {} : { before }) };
  const kind =
    outcome === undefined
      ? {}
      : outcome === "active"
        ? { state: outcome }
        : { statuses: statusesOf(outcome, machine) };
  // One more than asked for tells whether there is a next page.
  const found = await runs.list({ ...where, ...kind, machines: [machine], limit: limit + 1 });
  const page = found.slice(0, limit);
  const all = await runs.tally(space === undefined ? {} : { space });
  const tallies = space === undefined ? without(all, await runs.tally({ space: LEARN_RUNS }), machine) : all;
  return {
    runs: page.map(summaryOf),
    counts: countsOf(tallies),
    nextBefore: found.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

/** The sessions of a space, with the sentence and the project of each. */
export async function listSessions(
  { sessions, projects }: Pick<Store, "sessions" | "projects">,
  {
    space,
    before,
    limit,
  }: {
    readonly space: string;
    readonly before?: Pick<SessionRow, "changedAt" | "key"> | undefined;
    readonly limit: number;
  },
  nowMs: number,
): Promise<SessionsAnswer> {
  const [found, spaces, counts, write, known] = await Promise.all([
    // One more than asked for tells whether there is a next page.
    sessions.list({ space, limit: limit + 1, ...(before === undefined ? {} : { after: before }) }),
    sessions.spaces(MOST_SPACES),
    sessions.count(space),
    sentenceWriter(sessions, space, nowMs),
    projects.list(),
  ]);
  const names = new Map(known.map(({ id, name }) => [id, name]));
  const nameOf = ({ project, cwd }: SessionRow) =>
    names.get(project ?? "") ?? cwd?.split("/").findLast((part) => part !== "") ?? null;
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return {
    sessions: rows.map((row) => ({ ...row, ...write(row), projectName: nameOf(row) })),
    nextBefore: found.length > limit && last !== undefined ? `${last.changedAt}:${last.key}` : null,
    spaces,
    counts,
  };
}

const MOST_SPACES = 200;

/** Phase 1 has no space of its own in the log. */
const LEARN_RUNS = "";

function without(
  all: readonly RunTally[],
  learned: readonly RunTally[],
  machine: MachineName,
): readonly RunTally[] {
  if (machine === "phase1") return learned;
  const counted = (row: RunTally) =>
    learned.find(({ state, status }) => state === row.state && status === row.status)?.count ?? 0;
  return all.map((row) => ({ ...row, count: row.count - counted(row) }));
}

function countsOf(tallies: readonly RunTally[]): RunsAnswer["counts"] {
  const counts = { active: 0, succeeded: 0, skipped: 0, failed: 0, cancelled: 0 };
  for (const { state, status, count } of tallies) {
    if (state === "active") counts.active += count;
    else if (state === "parked") counts.failed += count;
    else counts[outcomeOf((status ?? "failed_agent") as Status)] += count;
  }
  return counts;
}

export function summaryOf(record: RunRecord): RunSummary {
  const { value, context } = snapshotOf(record);
  const status = statusOf(record, context);
  return {
    id: record.id,
    ...subjectOf(record),
    machine: record.machine,
    state: record.state,
    value,
    outcome: status === null ? null : outcomeOf(status),
    status,
    line: lineOf(record, value, context),
    inputs: context.inputs ?? null,
    createdAtMs: record.createdAtMs,
    updatedAtMs: record.updatedAtMs,
    cancelRequestedAtMs: record.cancelRequestedAtMs,
  };
}

/** A snapshot of another version may lack any of it. */
function snapshotOf({ snapshot }: Pick<RunRecord, "snapshot">): {
  readonly value: string;
  readonly context: Partial<Phase2Context>;
} {
  const { value, context } = (parsed(snapshot) ?? {}) as {
    value?: unknown;
    context?: Partial<Phase2Context>;
  };
  return { value: value === undefined ? "unknown" : dotted(value), context: context ?? {} };
}

const LINE_LENGTH = 200;

/** What it is doing, or why it ended so, in one bounded line. Causes are untrusted text. */
export function lineOf(record: RunRecord, value: string, context: Partial<Phase2Context>): string {
  if (record.state === "active") {
    if (record.cancelRequestedAtMs !== null) return "asked to cancel";
    return describeState(value, record.machine)?.doing ?? value;
  }
  const status = statusOf(record, context) ?? "failed_agent";
  const { key } = context as { readonly key?: unknown };
  if (status === "succeeded")
    return typeof key === "string" ? `learned ${key}` : memories(context.inputs ?? 0);
  const cause = record.parked ?? context.cause ?? null;
  const isCauseShown = cause !== null && ["failed", "skipped"].includes(outcomeOf(status));
  const words = lineOfStatus(status, record.machine);
  const line = isCauseShown ? `${words}: ${cause}` : words;
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH - 1)}…` : line;
}

/** Null while it is unfinished. A stored run that ended without a status ended in an error of the machine. */
export function statusOf(record: RunRecord, context: Partial<Phase2Context>): Status | null {
  if (record.state === "active") return null;
  if (record.state === "parked") return "parked_unknown_version";
  return context.status ?? "failed_agent";
}

/** What to ask the store for to find the runs of this outcome. */
export function statusesOf(outcome: Outcome, machine: MachineName = "phase2"): readonly (Status | null)[] {
  const known = statusesWith(outcome, machine);
  return outcome === "failed" ? [...known, null] : known;
}

function memories(count: number): string {
  return count === 1 ? "1 memory" : `${count} memories`;
}

export const EVENTS_SHOWN = 1_000;

export interface DetailDeps {
  readonly store: Store;
  /** Whether this server can start runs. */
  readonly canStart: boolean;
  readonly nowMs: number;
  /** Newest log rows that are shown; default 1,000. */
  readonly events?: number;
}

/** Throws `unknown_run`. */
export async function readRun(runs: Pick<Store["runs"], "read">, id: string): Promise<RunRecord> {
  const record = await runs.read(id);
  if (record === null) throw httpError("unknown_run", "There is no run of this id here.");
  return record;
}

/** All that is known of one run. */
export async function runDetail(id: string, deps: DetailDeps): Promise<RunAnswer> {
  const { store, nowMs, events = EVENTS_SHOWN } = deps;
  const record = await readRun(store.runs, id);
  const at = snapshotOf(record);
  const subject = subjectOf(record);
  const [log, job, life, rival, day] = await Promise.all([
    store.runs.tail({ run: id, limit: events + 1 }),
    subject.session === null
      ? store.jobs.read(record.space)
      : store.sessions.job(subject.space, subject.session),
    store.liveness.probe(record.owner),
    store.runs.list({ space: record.space, state: "active", limit: 1 }),
    dayBudgetOf(store.runs, record, at.context.settings ?? {}, nowMs),
  ]);
  const shown = log.slice(-events);
  return {
    run: summaryOf(record),
    owner: { id: record.owner, life },
    lease: leaseOf(record, at.context, job, log),
    job,
    result: await readableResult(store, id),
    snapshot: parsed(record.snapshot),
    actors: record.state === "active" ? await actorsOf(store.runs, id) : [],
    budget: [...budgetOf(record, at, log, nowMs), ...day],
    can: {
      cancel: mayCancel(record, at.value),
      retry: mayRetry(record, job, rival[0] ?? null, deps.canStart),
    },
    events: shown.map(eventView),
    hasEarlier: log.length > shown.length,
    machine: { id: record.machine, version: record.version, hash: record.hash },
  };
}

/** A run of another version may have ended in ways that cannot be read here; the rest of it can be shown. */
async function readableResult(store: Store, id: string): Promise<RunAnswer["result"]> {
  try {
    return await resultOf(store, id);
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    return null;
  }
}

/** `GET /api/runs/:id/events`: the rows before the ones that are shown. */
export async function earlierEvents(
  runs: Pick<Store["runs"], "read" | "tail">,
  id: string,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<EventsAnswer> {
  await readRun(runs, id);
  const found = await runs.tail({ ...(before === undefined ? {} : { before }), run: id, limit: limit + 1 });
  return { events: found.slice(-limit).map(eventView), hasEarlier: found.length > limit };
}

function leaseOf(
  record: RunRecord,
  { token, settings }: Partial<Phase2Context>,
  job: JobRow | null,
  log: readonly LogRow[],
): LeaseView | null {
  const holds = job?.status === "running" && job.ownership_token === token && record.state === "active";
  if (!holds || settings === undefined) return null;
  const { leaseSeconds, heartbeatSeconds } = settings;
  return {
    leaseUntilMs: (job.lease_until ?? 0) * 1_000,
    lastBeatAtMs: log.findLast(({ type }) => type === "lease.renewed")?.atMs ?? null,
    leaseSeconds,
    heartbeatSeconds,
  };
}

type May = RunAnswer["can"]["cancel"];

function mayCancel(record: RunRecord, value: string): May {
  if (record.state !== "active") return { ok: false, why: "The run is over." };
  if (record.cancelRequestedAtMs !== null) {
    return { ok: false, why: "It is asked to cancel already; its process sees it within two seconds." };
  }
  if (value === "publishing.committing" || value.startsWith("succeeding")) {
    return { ok: false, why: "Past the point of no return: the publish is brought to its end." };
  }
  if (record.machine === "phase1" && (value === "recording" || value === "skipping")) {
    return { ok: false, why: "Past the point of no return: the end of the session is being kept." };
  }
  if (value.startsWith("failing")) return { ok: false, why: "It is ending already." };
  return {
    ok: true,
    why: "Ends the agent and releases the job; the memory stays as it is, and nothing is lost.",
  };
}

function mayRetry(record: RunRecord, job: JobRow | null, rival: RunRecord | null, canStart: boolean): May {
  if (record.state === "active") return { ok: false, why: "It is not over; cancel it first." };
  const { session } = subjectOf(record);
  if (session !== null) {
    return { ok: false, why: `\`slowwave learn --session ${session} --again\` learns the session anew.` };
  }
  if (rival !== null) return { ok: false, why: `Run ${rival.id} works on this space.` };
  if (!canStart) return { ok: false, why: "This server only looks; use `slowwave run --now`." };
  if (job === null || !isDirty(job)) {
    return { ok: false, why: "Nothing new since the last consolidation: a run would be skipped." };
  }
  return { ok: true, why: "Starts a new run of this space at once, whatever backoff or cooldown says." };
}

/** How much of each limit a run has used: by now while it lives, by its end afterwards. `log` is its newest part. */
export function budgetOf(
  record: RunRecord,
  { value, context }: { readonly value: string; readonly context: Partial<Phase2Context> },
  log: readonly LogRow[],
  nowMs: number,
): readonly BudgetMeter[] {
  const { settings } = context;
  if (settings === undefined) return [];
  const isOver = record.state !== "active";
  const turns = context.agent == null ? 0 : 1 + (context.repairs ?? 0);
  const used = usedOf(log) ?? { ...NOTHING_USED, turns };
  const spent = {
    minutes: minutes((isOver ? record.updatedAtMs : nowMs) - record.createdAtMs),
    silence: !isOver && value === "supervising" ? minutes(nowMs - lastWordAtMs(record, log)) : 0,
  };
  return budgetsOf(used, settings, spent);
}

/** How much of the day's limits of its space is used by now, as the run's settings have them; none, no meters. */
export async function dayBudgetOf(
  runs: Pick<RunStore, "list" | "tail">,
  { space }: Pick<RunRecord, "space">,
  limits: Partial<DayLimits>,
  nowMs: number,
): Promise<readonly BudgetMeter[]> {
  if (!hasDayLimits(limits)) return [];
  const use = await dayUse(runs, { space, nowMs, limits });
  const of = ({ used, limit }: Allowance, estimated = false) => ({ used, limit, estimated });
  const meters: readonly BudgetMeter[] = [
    { name: "runsPerDay", ...of(use.runs), unit: "runs", setting: "maxRunsPerDay" },
    {
      name: "tokensPerDay",
      ...of(use.tokens, use.tokens.estimated),
      unit: "tokens",
      setting: "maxTokensPerDay",
    },
    { name: "costPerDay", ...of(use.costUsd), unit: "USD", setting: "maxCostUsdPerDay" },
  ];
  return meters.filter(({ limit }) => limit !== null);
}

/** Notes of another version may read otherwise. */
function usedOf(log: readonly LogRow[]) {
  try {
    return usedIn(log);
  } catch {
    return null;
  }
}

/** The agent's last word, or the machine's last step, which brought us here. */
function lastWordAtMs(record: RunRecord, log: readonly LogRow[]): number {
  const last = log.findLast(({ type, sequence }) => type.startsWith("agent.") || sequence !== null);
  return last?.atMs ?? record.updatedAtMs;
}

function minutes(ms: number): number {
  return Math.max(0, ms) / 60_000;
}

/** Newest log rows of an export; older ones are left out, and `hasEarlier` says so. */
const MOST_EVENTS = 20_000;

/** Everything the page shows of one run, as one document. */
export async function exportRun(
  id: string,
  deps: DetailDeps & { readonly replayer: Replayer },
): Promise<ExportedRun> {
  const detail = await runDetail(id, { ...deps, canStart: false, events: MOST_EVENTS });
  const { store } = deps;
  const record = await readRun(store.runs, id);
  const { context } = snapshotOf(record);
  const { generation, base = null } = context;
  const isPublished = generation != null && generation !== base;
  return {
    format: "slowwave-run",
    version: 1,
    exportedAtMs: deps.nowMs,
    detail,
    snapshots: await snapshotsOf(deps.replayer.replay(record)),
    diff: isPublished ? await readable(diffOf(store.generations, { from: base, to: generation })) : null,
  };
}

/** A run of another version is exported without its moments. */
async function snapshotsOf(replaying: ReturnType<Replayer["replay"]>): Promise<readonly SnapshotAnswer[]> {
  try {
    const replayed = await replaying;
    return replayed.map(({ row, value, snapshot }) => ({ sequence: row.sequence ?? 0, value, snapshot }));
  } catch (error) {
    if (codeOf(error) === "other_machine") return [];
    throw error;
  }
}

/** Purged generations leave nothing to compare. */
async function readable(diff: Promise<DiffAnswer>): Promise<DiffAnswer | null> {
  try {
    return await diff;
  } catch (error) {
    if (codeOf(error) === "unknown_generation") return null;
    throw error;
  }
}
