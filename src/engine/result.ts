import type { AgentUsage } from "../domain/agent.ts";
import type { AgentReport, DryRun, RunResult, StateSpan } from "../domain/event.ts";
import { changesBetween, type FileChanges, type Finding, type Manifest } from "../domain/generation.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type LogRow, type RunRecord } from "../domain/run.ts";
import { subjectOf } from "../domain/run-subject.ts";
import { adviceOf, outcomeOf, type Status } from "../domain/status.ts";
import { type BudgetUse, budgetsOf, NOTHING_USED, usedIn } from "../domain/usage.ts";
import type { Phase2Context } from "../machines/context.ts";
import { compare, unified } from "../memory-files/compare.ts";

/** What is told of a run whose kept state can't be read. */
const NOTHING_DONE = {
  ...{ base: null, generation: null, claimedWatermark: null, completionWatermark: null },
  ...{ inputs: null, cause: null, status: null, repairs: 0 },
} satisfies Partial<Phase2Context>;

const NO_FILES: FileChanges = { added: [], modified: [], deleted: [] };

/**
 * What a finished run came to, read from the store alone: the same for the process that ran it, for another
 * one, and for years later. Null while it is unfinished.
 */
export async function resultOf(
  store: Pick<Store, "runs" | "generations">,
  run: string,
): Promise<RunResult | null> {
  const record = await store.runs.read(run);
  if (record === null || record.state === "active") return null;
  const context = { ...NOTHING_DONE, ...contextOf(record) } as Phase2Context;
  const log = await wholeLog(store.runs, run);
  const status = statusOf(record, context);
  const manifest = (generation: string | null): Promise<Manifest | null> =>
    generation === null ? Promise.resolve(null) : store.generations.manifest(generation);
  const base = await manifest(context.base);
  const draft = context.draft ? await store.generations.draft(record.space, context.draft) : null;
  const published = context.generation === context.base ? null : await manifest(context.generation);
  const outcome = draft?.manifest ?? published;
  return {
    run,
    space: subjectOf(record).space,
    outcome: outcomeOf(status),
    status,
    reason: outcomeOf(status) === "succeeded" ? null : reasonOf(record, context, status),
    inputs: context.inputs ?? 0,
    claimedWatermark: context.claimedWatermark,
    completionWatermark: outcomeOf(status) === "succeeded" ? context.completionWatermark : null,
    generation: context.generation,
    files: outcome === null ? NO_FILES : changesBetween(base ?? [], outcome),
    ...(context.dryRun
      ? { dryRun: await dryRunOf(store, context, base ?? [], draft?.manifest ?? null) }
      : {}),
    agent: agentOf(context, log),
    budget: (context.claimedWatermark ?? null) === null ? [] : budgetOf(record, context, log),
    findings: log.filter((row) => row.type === "gate.finding").map((row) => JSON.parse(row.data) as Finding),
    states: spansOf(log),
    startedAt: time(record.createdAtMs),
    finishedAt: time(record.updatedAtMs),
  };
}

/** Enough to read; the whole of it is in `slowwave diff` after an apply. */
const MOST_DIFF = 64 * 1024;

async function dryRunOf(
  { generations }: Pick<Store, "generations">,
  { draft }: Phase2Context,
  base: Manifest,
  manifest: Manifest | null,
): Promise<DryRun | null> {
  if (!draft) return null;
  const diff = manifest === null ? "" : unified(await compare(generations, base, manifest), MOST_DIFF);
  return { hash: draft, diff };
}

function statusOf(record: RunRecord, context: Phase2Context): Status {
  if (record.state === "parked") return "parked_unknown_version";
  return context.status ?? "failed_agent";
}

function reasonOf(record: RunRecord, context: Phase2Context, status: Status): RunResult["reason"] {
  // Of a skip the cause is the whole of what there is to say.
  if (outcomeOf(status) === "skipped")
    return { code: status, message: context.cause ?? adviceOf(status, record.machine), cause: null };
  return { code: status, message: adviceOf(status, record.machine), cause: record.parked ?? context.cause };
}

function agentOf(context: Phase2Context, log: readonly LogRow[]): AgentReport | null {
  if (!context.agent || !context.config) return null;
  const reported = log.findLast((row) => row.type === "agent.usage");
  const usage = reported === undefined ? null : (JSON.parse(reported.data) as { usage: AgentUsage }).usage;
  return {
    name: context.config.agent,
    threadId: context.agent.threadId,
    status: isEndedByUs(context) ? "interrupted" : (context.agentStatus ?? "notFound"),
    sandbox: context.agent.sandbox,
    network: context.config.network,
    turns: usage?.turns ?? 1 + context.repairs,
    tokens: {
      input: usage?.inputTokens ?? null,
      output: usage?.outputTokens ?? null,
      ...(usage?.cachedInputTokens === undefined ? {} : { cachedInput: usage.cachedInputTokens }),
      ...(usage?.reasoningOutputTokens === undefined ? {} : { reasoningOutput: usage.reasoningOutputTokens }),
    },
    costUsd: usage?.costUsd ?? null,
    estimated: usage?.estimated ?? false,
  };
}

/** A budget, a cancel or a lost lease ends the agent in the middle of its work; nobody hears its last status then. */
const ENDING: readonly (Status | null)[] = [
  "failed_budget",
  "cancelled",
  "failed_lost_ownership",
  "failed_confirm_ownership",
  "machine_lost",
];

function isEndedByUs({ status, agentStatus }: Phase2Context): boolean {
  return ENDING.includes(status) && (agentStatus === "running" || agentStatus === "pendingInit");
}

/** Silence is measured while it lasts; of a run that is over there is none. Another version may have had no settings. */
function budgetOf(
  record: RunRecord,
  { settings }: Phase2Context,
  log: readonly LogRow[],
): readonly BudgetUse[] {
  const minutes = Math.max(0, record.updatedAtMs - record.createdAtMs) / 60_000;
  const all = budgetsOf(usedIn(log) ?? NOTHING_USED, settings ?? {}, { minutes, silence: 0 });
  return all.filter(({ name }) => name !== "silence");
}

/** One span for each stay in a state; the last one has no length. */
export function spansOf(log: readonly LogRow[]): readonly StateSpan[] {
  const entries: { state: string; atMs: number }[] = [];
  for (const row of log) {
    if (
      row.sequence === null ||
      row.actor !== undefined ||
      row.value === null ||
      entries.at(-1)?.state === row.value
    )
      continue;
    entries.push({ state: row.value, atMs: row.atMs });
  }
  return entries.map(({ state, atMs }, at) => ({
    state,
    enteredAt: time(atMs),
    ms: Math.max(0, (entries[at + 1]?.atMs ?? atMs) - atMs),
  }));
}

const PAGE = 1_000;

export async function wholeLog(runs: Store["runs"], run: string): Promise<readonly LogRow[]> {
  const rows: LogRow[] = [];
  for (let after = 0; ; ) {
    const page = await runs.log({ run, after, limit: PAGE });
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return rows;
    after = last.id;
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
