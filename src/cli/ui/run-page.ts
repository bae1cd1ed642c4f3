import type { RunResult, StateSpan } from "../../domain/event.ts";
import type { Outcome } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { contextOf, type LogRow, type RunRecord } from "../../domain/run.ts";
import { subjectOf } from "../../domain/run-subject.ts";
import { outcomeOf, type Status } from "../../domain/status.ts";
import { type BudgetUse, isNear, usedOf } from "../../domain/usage.ts";
import { type ActorLine, actorsOf, resultOf, spansOf, wholeLog } from "../../internal/runs.ts";
import { EXIT, type Invocation } from "../shell.ts";
import { openExistingStore, runNamed } from "../store.ts";
import { findingLines, refusalLines } from "./run-report.ts";
import { bold, clipped, counted, cyan, dim, elapsed, green, type Line, moment, red } from "./text.ts";

/** What a run of phase 1 read and wrote; null where it did not come so far. */
interface Learned {
  readonly extractor: string;
  readonly persons: number | null;
  readonly tools: number | null;
  readonly redacted: number | null;
  readonly noteBytes: number | null;
}

interface RunView extends RunSummary {
  /** Null for a consolidation. */
  readonly learned: Learned | null;
  readonly states: readonly StateSpan[];
  readonly heartbeats: { readonly count: number; readonly lastAt: string | null };
  /** While it is unfinished: its child actors, by their path. */
  readonly actors: readonly ActorLine[];
  /** Null while it is unfinished. */
  readonly result: RunResult | null;
  /** With `--transcript`. */
  readonly transcript?: readonly TranscriptEntry[];
}

interface TranscriptEntry {
  readonly at: string;
  readonly type: string;
  readonly text: string;
}

/** `slowwave runs show`; returns the exit code. */
export async function showRun(
  { places, output, json }: Invocation,
  { id, transcript }: { readonly id: string; readonly transcript: boolean },
): Promise<number> {
  const store = await openExistingStore(places);
  try {
    const record = await runNamed(id, store, places);
    const view = await viewOf(record.id, store as Store, transcript);
    if (json) output.printJson(view);
    else output.print(...picture(view, output.columns, places.home));
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

async function viewOf(run: string, store: Store, transcript: boolean): Promise<RunView> {
  const record = await store.runs.read(run);
  if (record === null) throw new Error(`run ${run} vanished while it was shown`);
  const log = await wholeLog(store.runs, run);
  const beats = log.filter(({ type }) => type === "lease.renewed");
  const isAlive = record.state === "active" && (await store.liveness.probe(record.owner)) === "alive";
  return {
    ...summaryOf(record, isAlive),
    learned: subjectOf(record).session === null ? null : learnedIn(contextOf(record) as Partial<Learned>),
    states: spansOf(log),
    heartbeats: { count: beats.length, lastAt: timeOf(beats.at(-1)) },
    actors: record.state === "active" ? await actorsOf(store.runs, run) : [],
    result: await resultOf(store, run),
    ...(transcript ? { transcript: log.flatMap(transcriptEntriesIn) } : {}),
  };
}

function learnedIn(context: Partial<Learned>): Learned {
  const { extractor = "rules", persons = null, tools = null, redacted = null, noteBytes = null } = context;
  return { extractor, persons, tools, redacted, noteBytes };
}

function timeOf(row: LogRow | undefined): string | null {
  return row === undefined ? null : new Date(row.atMs).toISOString();
}

/** What the agent said, thought and used, as the log has it, and when little of a budget was left. */
function transcriptEntriesIn({ type, atMs, data, sequence }: LogRow): readonly TranscriptEntry[] {
  if (sequence !== null || !TRANSCRIPT_EVENTS.test(type)) return [];
  const { text = "", name } = JSON.parse(data) as { text?: string; name?: string };
  return [{ at: new Date(atMs).toISOString(), type, text: name === undefined ? text : `${name} ${text}` }];
}

const TRANSCRIPT_EVENTS = /^(?:agent\.(?:message|thought|tool)|budget\.near)$/;

function picture(view: RunView, columns: number, home: string): readonly Line[] {
  const { result, heartbeats, states } = view;
  const field = (name: string, value: string): Line => [dim(name.padEnd(12)), value];
  return [
    [bold(`run ${view.run}`), dim(` ${whose(view)}`)],
    field("outcome", view.status === null ? view.outcome : `${view.outcome} (${view.status})`),
    field("started", moment(Date.parse(view.startedAt))),
    ...(view.finishedAt === null ? [] : [field("finished", moment(Date.parse(view.finishedAt)))]),
    ...(view.learned === null ? [field("inputs", String(view.inputs))] : learnedOf(view.learned, field)),
    field(
      "heartbeats",
      `${heartbeats.count}${heartbeats.lastAt === null ? "" : `, last ${moment(Date.parse(heartbeats.lastAt))}`}`,
    ),
    ...(result?.agent == null ? [] : [field("agent", agentText(result.agent))]),
    ...(result?.agent == null
      ? []
      : [field("used", result.budget.filter(isTelling).map(usedText).join(", "))]),
    ...(result?.generation == null ? [] : [field("generation", result.generation)]),
    "",
    dim("states"),
    ...timeline(states, columns),
    ...actorLines(view.actors),
    ...filesOf(result),
    ...(result === null ? [] : endOf(result, home)),
    ...(view.transcript === undefined ? [] : ["", dim("transcript"), ...view.transcript.map(transcriptLine)]),
  ];
}

/** Whose run it is, in words: a consolidation's space, or the session that was learned. */
export function whose({ space, session }: Pick<RunSummary, "space" | "session">): string {
  return session === null ? `of space ${space}` : `of phase 1, session ${session} of space ${space}`;
}

function learnedOf(
  { extractor, persons, tools, redacted, noteBytes }: Learned,
  field: (name: string, value: string) => Line,
): readonly Line[] {
  const read = `${counted(persons ?? 0, "turn")} of a person, ${counted(tools ?? 0, "tool call")}`;
  const replaced = redacted === null || redacted === 0 ? "" : `, ${counted(redacted, "secret")} replaced`;
  return [
    field("extractor", extractor),
    ...(persons === null ? [] : [field("read", `${read}${replaced}`)]),
    ...(noteBytes === null ? [] : [field("note", counted(noteBytes, "byte"))]),
  ];
}

function actorLines(actors: readonly ActorLine[]): readonly Line[] {
  if (actors.length === 0) return [];
  const width = Math.max(...actors.map(({ actor }) => actor.length));
  return ["", dim("actors"), ...actors.map(({ actor, state }) => `  ${actor.padEnd(width)}  ${state}`)];
}

/** Findings and reason; of a refused run the findings are the reason, and what to do about them follows. */
function endOf(result: RunResult, home: string): readonly Line[] {
  const { status, reason, findings } = result;
  if (status === "failed_invalid_artifacts" && findings.length > 0) {
    return ["", ...findingLines(findings, true), ...refusalLines(result, { home })];
  }
  return [
    ...findingLines(findings, false),
    ...(reason === null ? [] : ["", [red("reason"), ` ${reason.message}`] as Line]),
    ...(reason?.cause == null ? [] : [`cause  ${reason.cause}`]),
  ];
}

function transcriptLine({ at, type, text }: TranscriptEntry): Line {
  return [dim(`  ${at.slice(11, 19)} ${type.replace(/^agent\.|\.near$/, "").padEnd(8)}`), text];
}

function agentText({
  name,
  status,
  sandbox,
  network,
  turns,
  tokens,
  costUsd,
  threadId,
}: NonNullable<RunResult["agent"]>): string {
  return [
    `${name} ${status}`,
    `sandbox ${sandbox}`,
    `network ${network}`,
    `${turns} ${turns === 1 ? "turn" : "turns"}`,
    ...(tokens.input === null ? [] : [`${tokens.input} tokens in`]),
    ...(tokens.output === null ? [] : [`${tokens.output} out`]),
    ...(costUsd === null ? [] : [`$${costUsd.toFixed(4)}`]),
    ...(threadId === null ? [] : [`thread ${threadId}`]),
  ].join(", ");
}

/** Limits that hardly anybody meets are named when they are near. */
function usedText(use: BudgetUse): string {
  const isUsual = use.name === "toolCalls" || use.name === "outputBytes";
  return usedOf(isUsual && !isNear(use) ? { ...use, limit: null } : use);
}

/** Time is in the states, turns and tokens that were reported are the agent's. */
function isTelling({ name, used, limit, estimated }: BudgetUse): boolean {
  if (name === "minutes" || name === "silence") return false;
  return (limit !== null && name !== "toolCalls" && name !== "outputBytes") || estimated || used > 0;
}

/** Files shown of each kind; `--json` has all. */
const SHOWN_FILES = 15;

function filesOf(result: RunResult | null): readonly Line[] {
  if (result === null) return [];
  const { added, modified, deleted } = result.files;
  const changes = [["+", added] as const, ["~", modified] as const, ["-", deleted] as const];
  if (changes.every(([, paths]) => paths.length === 0)) return [];
  return [
    "",
    dim("files"),
    ...changes.flatMap(([sign, paths]) => [
      ...paths.slice(0, SHOWN_FILES).map((path) => `  ${sign} ${path}`),
      ...(paths.length > SHOWN_FILES ? [dim(`  ${sign} … ${paths.length - SHOWN_FILES} more`)] : []),
    ]),
  ];
}

/** One run in a list. */
export interface RunSummary {
  readonly run: string;
  readonly space: string;
  /** Key of the session that a run of phase 1 learned; null for a consolidation. */
  readonly session: string | null;
  readonly outcome: Outcome | "running" | "unfinished";
  /** Null while it has none. */
  readonly status: Status | null;
  readonly inputs: number;
  /** It published nothing, whatever its status says. */
  readonly dryRun: boolean;
  readonly startedAt: string;
  /** Null while it is unfinished. */
  readonly finishedAt: string | null;
}

/** Read from the record alone; `isAlive` tells a run at work from one that was left. */
export function summaryOf(record: RunRecord, isAlive: boolean): RunSummary {
  const { status, inputs, dryRun } = contextOf(record) as Summarised;
  const known = record.state === "parked" ? "parked_unknown_version" : (status ?? "failed_agent");
  const isOver = record.state !== "active";
  return {
    run: record.id,
    ...subjectOf(record),
    outcome: isOver ? outcomeOf(known) : isAlive ? "running" : "unfinished",
    status: isOver ? known : null,
    inputs: inputs ?? 0,
    dryRun: dryRun ?? false,
    startedAt: new Date(record.createdAtMs).toISOString(),
    finishedAt: isOver ? new Date(record.updatedAtMs).toISOString() : null,
  };
}

interface Summarised {
  readonly status?: Status | null;
  readonly inputs?: number | null;
  readonly dryRun?: boolean;
}

const NAME = 23;
const TIME = 12;
const [NARROWEST, WIDEST] = [10, 48];

/** Where a run spent its time, to scale: one bar for each stay in a state, under the ones before it. */
export function timeline(spans: readonly StateSpan[], columns: number): readonly Line[] {
  const width = Math.max(NARROWEST, Math.min(WIDEST, columns - NAME - TIME - 4));
  const lengths = spans.map(({ ms }) => ms);
  const total = lengths.reduce((sum, ms) => sum + ms, 0);
  return spans.map(({ state, ms }, at) => {
    const before = lengths.slice(0, at).reduce((sum, length) => sum + length, 0);
    const [start, length] = barOf({ before, ms, total }, width);
    const bar = `${" ".repeat(start)}${"█".repeat(length)}${length === 0 ? "▏" : ""}`;
    return [
      `  ${clipped(state, NAME).padEnd(NAME)}`,
      toneOf(state)(bar.padEnd(width + 1)),
      dim(elapsed(ms).padStart(TIME)),
    ];
  });
}

/** First cell and number of cells; what is too short for a cell has none, and is marked where it was. */
function barOf(
  { before, ms, total }: { readonly before: number; readonly ms: number; readonly total: number },
  width: number,
): readonly [start: number, length: number] {
  if (total === 0) return [0, 0];
  const cells = (ms / total) * width;
  const start = Math.min(width - 1, Math.floor((before / total) * width));
  return [start, cells < 0.5 ? 0 : Math.max(1, Math.min(width - start, Math.round(cells)))];
}

function toneOf(state: string) {
  if (state.startsWith("fail")) return red;
  return state === "succeeded" ? green : cyan;
}
