import type { BudgetMeter, EventView, RunAnswer } from "../server/api.ts";
import { about, elapsed, moment } from "./elapsed.ts";
import { bold, cyan, dim, green, type Line, red, yellow } from "./paint.ts";
import { clipped } from "./printable.ts";

/** A run as a few lines that are drawn again and again: where it is, who holds it, what it has used, what the agent says. */
export function watchedRun(answer: RunAnswer, nowMs: number, columns: number): readonly Line[] {
  const { run, events, budget } = answer;
  const steps = events.filter(({ sequence }) => sequence !== null);
  const since = enteredAtMs(steps) ?? run.createdAtMs;
  const said = events.findLast(({ type }) => type === "agent.message");
  const message = (said?.data as { text?: string } | undefined)?.text ?? "";
  const line = (name: string, ...rest: (string | ReturnType<typeof dim>)[]): Line => [
    "  ",
    dim(name.padEnd(8)),
    ...rest,
  ];
  const used = budget.filter(isTelling).map(meter);
  return [
    [bold(`run ${run.id}`), dim(` of space ${run.space}, ${elapsed(Math.max(0, nowMs - run.createdAtMs))}`)],
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

/** A row of the log as one line, for a pipe. Null for what says nothing to a reader. */
export function watchedRow(row: EventView, space: string): Line | null {
  const text = textOf(row);
  if (text === null) return null;
  return [dim(`${moment(row.atMs)} ${row.run} ${space} `), text];
}

const LONGEST_TEXT = 300;

function textOf({ type, value, data }: EventView): string | null {
  if (value !== null) return `${value} (${type})`;
  const { text, name, message } = (data ?? {}) as { text?: string; name?: string; message?: string };
  if (type === "agent.usage" || type === "budget.used") return null;
  const said = [name, text ?? message].filter((part) => part !== undefined).join(" ");
  return clipped(said === "" ? type : `${type}: ${said}`, LONGEST_TEXT);
}
