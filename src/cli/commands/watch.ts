import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import type { LogRow } from "../../domain/run.ts";
import { type RunSubject, subjectOf } from "../../domain/run-subject.ts";
import { systemClock } from "../../internal/engine.ts";
import type { BudgetMeter, EventView, RunAnswer } from "../../server/api.ts";
import { createFeed, eventView, type Feed } from "../../server/feed.ts";
import { runDetail } from "../../server/run-views.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore, runNamed } from "../store.ts";
import { whose } from "../ui/run-page.ts";
import {
  about,
  bold,
  clipped,
  cyan,
  dim,
  elapsed,
  green,
  type Line,
  moment,
  printableJsonLine,
  red,
  yellow,
} from "../ui/text.ts";
import { exitCodeOfSignal, type StopSignal } from "../world.ts";

export function addWatch(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("watch")
    .argument("[run]", "one run, from its beginning to its end: its id, the beginning of it, or last")
    .summary("follows runs live in the terminal")
    .description(
      "Follows the runs of the space, whichever process works on them: a picture in a terminal, lines in a pipe, one JSON document a line with --json. Ctrl-C ends it.",
    )
    .option("--all-spaces", "of every space")
    .addHelpText(
      "after",
      examples("slowwave watch", "slowwave watch last", "slowwave watch --json | jq .type"),
    )
    .action((run: string | undefined, options: { allSpaces?: boolean }, command: Command) =>
      end(watch(invocation(shell, command), { run: run ?? null, allSpaces: options.allSpaces === true })),
    );
}

export interface WatchFlags {
  /** Null: every run of the space, until a signal. Else that run, until it is over. */
  readonly run: string | null;
  readonly allSpaces: boolean;
}

/** How often the picture is drawn while nothing happens: the countdown goes on. */
const FRAME_MS = 1_000;

/** `slowwave watch`: follows runs, whichever process works on them; returns the exit code. */
export async function watch(at: Invocation, flags: WatchFlags): Promise<number> {
  const { output, places, world, json } = at;
  const store = await openExistingStore(places);
  if (store === null) {
    throw new SlowwaveError("nothing_kept", "Nothing was kept here yet; `slowwave import FILE` begins.");
  }
  const feed = createFeed(store.runs, systemClock);
  const ended = new AbortController();
  let signal: StopSignal | null = null;
  const release = world.onSignal((got) => {
    signal ??= got;
    ended.abort();
  });
  try {
    const run = flags.run === null ? null : (await runNamed(flags.run, store, places)).id;
    const isSeen = (space: string) => run !== null || flags.allSpaces || space === places.space;
    const watched: Watched = { at, store, feed, run, isSeen, signal: ended.signal };
    const isPicture = !json && output.isLive && world.stdout.isTTY === true;
    await (isPicture ? draw(watched) : announce(watched));
    return signal === null ? EXIT.ok : exitCodeOfSignal(signal);
  } finally {
    output.finishDrawing("keep");
    release();
    feed.close();
    await store.close();
  }
}

interface Watched {
  readonly at: Invocation;
  readonly store: Store;
  readonly feed: Feed;
  readonly run: string | null;
  readonly isSeen: (space: string) => boolean;
  readonly signal: AbortSignal;
}

/** Line by line: of one run from its beginning, of a space from now on. */
async function announce({ at: { output, json }, store, feed, run, isSeen, signal }: Watched): Promise<void> {
  const spaces = new Map<string, RunSubject>();
  const whoseRow = async ({ run: id }: LogRow) => {
    const known = spaces.get(id);
    if (known !== undefined) return known;
    const record = await store.runs.read(id);
    const of = record === null ? { space: "", session: null } : subjectOf(record);
    spaces.set(id, of);
    return of;
  };
  let after = run === null ? await feed.newest() : 0;
  if (run === null) output.info(dim("Watching; what happens from now on is told. Ctrl-C ends it."));
  while (!signal.aborted) {
    const isOver = run !== null && (await store.runs.read(run))?.state !== "active";
    const rows = await nextRows({ store, feed, run, signal }, after, isOver);
    for (const row of rows) {
      const { space, session } = await whoseRow(row);
      if (!isSeen(space)) continue;
      const view = eventView(row);
      const line: Line | null = json
        ? printableJsonLine({ space, ...(session === null ? {} : { session }), ...view })
        : watchedRow(view, session ?? space);
      if (line !== null) output.print(line);
    }
    after = rows.at(-1)?.id ?? after;
    if (isOver && rows.length === 0) return;
  }
}

const PAGE = 500;

async function nextRows(
  { store, feed, run, signal }: Pick<Watched, "store" | "feed" | "run" | "signal">,
  after: number,
  isOver: boolean,
): Promise<readonly LogRow[]> {
  if (run === null) return feed.next(after, { patienceMs: FRAME_MS, signal });
  const newest = await feed.newest();
  const rows = await store.runs.log({ run, after, limit: PAGE });
  if (rows.length > 0 || isOver) return rows;
  await feed.next(newest, { patienceMs: FRAME_MS, signal });
  return store.runs.log({ run, after, limit: PAGE });
}

/** One picture of every run that lives, drawn again with every event and every second. */
async function draw({ at: { output, world }, store, feed, run, isSeen, signal }: Watched): Promise<void> {
  // One run is told of even if it was over before it could be drawn.
  const drawn = new Set<string>(run === null ? [] : [run]);
  while (!signal.aborted) {
    const newest = await feed.newest();
    const alive = (await store.runs.list({ state: "active", limit: 100 })).filter(
      (record) => isSeen(subjectOf(record).space) && (run === null || record.id === run),
    );
    const nowMs = world.nowMs();
    const blocks: (readonly Line[])[] = [];
    for (const { id } of alive) {
      drawn.add(id);
      const detail = await runDetail(id, { store, canStart: false, nowMs });
      blocks.push(watchedRun(detail, nowMs, output.columns));
    }
    for (const id of [...drawn].filter((known) => !alive.some((one) => one.id === known))) {
      drawn.delete(id);
      output.info(await lastLine(store, id, nowMs));
    }
    if (run !== null && alive.length === 0) return;
    output.draw(blocks.length === 0 ? [dim("No run is at work; waiting. Ctrl-C ends.")] : blocks.flat());
    await feed.next(newest, { patienceMs: FRAME_MS, signal });
  }
}

async function lastLine(store: Store, id: string, nowMs: number): Promise<Line> {
  const { run } = await runDetail(id, { store, canStart: false, nowMs, events: 1 });
  return [dim(`run ${run.id} ${whose(run)}: `), `${run.outcome} (${run.status})`, dim(` ${run.line}`)];
}

/** A run as a few lines that are drawn again and again: where it is, who holds it, what it has used, what the agent says. */
export function watchedRun(answer: RunAnswer, nowMs: number, columns: number): readonly Line[] {
  const { run, events, budget } = answer;
  const steps = events.filter(({ sequence }) => sequence !== null);
  const since = enteredAtMs(steps) ?? run.createdAtMs;
  const reported = events.findLast(({ type }) => type === "agent.message");
  const message = (reported?.data as { text?: string } | undefined)?.text ?? "";
  const line = (name: string, ...rest: (string | ReturnType<typeof dim>)[]): Line => [
    "  ",
    dim(name.padEnd(8)),
    ...rest,
  ];
  const used = budget.filter(isTelling).map(meter);
  return [
    [bold(`run ${run.id}`), dim(` ${whose(run)}, ${elapsed(Math.max(0, nowMs - run.createdAtMs))}`)],
    line("state", cyan(run.value), ` ${elapsed(Math.max(0, nowMs - since))}`, dim(` ${run.line}`)),
    line("path", dim(clipped(pathOf(steps), columns - 12))),
    line("lease", leaseText(answer, nowMs)),
    ...(used.length === 0 ? [] : [line("budget", clipped(used.join(" · "), columns - 12))]),
    ...(message === "" ? [] : [line("agent", clipped(message, columns - 12))]),
  ];
}

/** When the run came into the state it is in. */
function enteredAtMs(steps: readonly EventView[]): number | null {
  const now = steps.at(-1)?.value;
  const before = steps.findLastIndex(({ value }) => value !== now);
  return steps[before + 1]?.atMs ?? null;
}

/** The states it went through, the newest last and always in sight. */
function pathOf(steps: readonly EventView[]): string {
  const states = steps.map(({ value }) => value ?? "").filter((value, at, all) => value !== all[at - 1]);
  return states.toReversed().join(" ← ");
}

function leaseText({ lease, owner, run }: RunAnswer, nowMs: number) {
  if (owner.life === "dead") return red("its process is dead; `slowwave recover` continues it");
  if (lease === null) return dim(run.value === "claiming" ? "not claimed yet" : "none");
  const left = (lease.leaseUntilMs - nowMs) / 1_000;
  const beat = lease.lastBeatAtMs === null ? null : (nowMs - lease.lastBeatAtMs) / 1_000;
  const text = `${left > 0 ? `${about(left)} left` : "expired"}, ${beat === null ? "no beat yet" : `last beat ${about(Math.max(0, beat))} ago`}, owner ${owner.life}`;
  if (left <= 0) return red(text);
  return beat !== null && beat > 2 * lease.heartbeatSeconds ? yellow(text) : green(text);
}

/** Limits that hardly anybody meets are shown when something of them is used. */
function isTelling({ name, used, limit }: BudgetMeter): boolean {
  return used > 0 || (limit !== null && name !== "toolCalls" && name !== "outputBytes");
}

function meter({ name, used, limit, unit, estimated }: BudgetMeter): string {
  const value = Number.isInteger(used) ? String(used) : used.toFixed(used < 10 ? 1 : 0);
  const text = `${estimated ? "~" : ""}${value}${limit === null ? "" : `/${limit}`}`;
  if (name === "toolCalls" || name === "outputBytes") return `${text} ${unit}`;
  if (name.endsWith("PerDay")) return `${text} ${unit} in 24 h`;
  return `${name} ${text}${unit === name ? "" : ` ${unit}`}`;
}

/** A row of the log as one line, for a pipe; `of`: its space, or the session that is learned. Null for what says nothing to a reader. */
export function watchedRow(row: EventView, of: string): Line | null {
  const text = textOf(row);
  if (text === null) return null;
  return [dim(`${moment(row.atMs)} ${row.run} ${of} `), text];
}

const LONGEST_TEXT = 300;

function textOf({ type, value, data }: EventView): string | null {
  if (value !== null) return `${value} (${type})`;
  const { text, name, message } = (data ?? {}) as { text?: string; name?: string; message?: string };
  if (type === "agent.usage" || type === "budget.used") return null;
  const reported = [name, text ?? message].filter((part) => part !== undefined).join(" ");
  return clipped(reported === "" ? type : `${type}: ${reported}`, LONGEST_TEXT);
}
