import { join } from "node:path";
import type { RunResult } from "../../domain/event.ts";
import { progressOf } from "../../domain/status.ts";
import type { BudgetName } from "../../domain/usage.ts";
import { diffTextLines } from "./diff-lines.ts";
import type { Output } from "./output.ts";
import { bold, changedFiles, counted, dim, elapsed, green, type Line, red, yellow } from "./text.ts";

/** Folders that a report names. */
export interface ReportPlaces {
  /** Where the memory of the run's space is found. */
  readonly memory: string;
  readonly home: string;
}

/** How a run ended, for a person. Successes and skips are results; failures go where failures are looked for. */
export function reportRun(result: RunResult, places: ReportPlaces, output: Output): void {
  const { outcome } = result;
  const lines = [...details(result, places.memory), ...refusalLines(result, places), lastLine(result)];
  if (outcome === "failed" || outcome === "cancelled") output.info(...lines);
  else output.print(...lines);
}

function details(result: RunResult, memory: string): readonly Line[] {
  const { outcome, inputs, findings, states } = result;
  const lines: Line[] = [];
  if (outcome === "succeeded") {
    const spent = elapsed(states.reduce((sum, { ms }) => sum + ms, 0));
    const sessions = counted(inputs, "stage-1 output");
    lines.push(
      ...dryRunLines(result),
      [result.dryRun ? "  looked at    " : "  consolidated ", bold(sessions), dim(` in ${spent}`)],
      ["  memory       ", bold(memory)],
      [result.dryRun ? "  would change " : "  changed      ", changedFiles(result.files)],
    );
  }
  if (isCostUnknown(result)) {
    lines.push([
      "  ",
      yellow("warn"),
      " The agent reports no cost, so its limit could not hold it; limit its tokens, with --max-tokens.",
    ]);
  }
  return [...lines, ...findingLines(findings, result.status === "failed_invalid_artifacts")];
}

const GRAVITY = { refuse: 0, repair: 1, warn: 2 } as const;

/**
 * Each finding once, whatever number of turns it stayed: what refused the run first, with the way to mend it. Of a run
 * that was not refused the severity alone is said.
 */
export function findingLines(findings: RunResult["findings"], isRefused: boolean): readonly Line[] {
  // The last turn decides how severe a finding is: what was only asked for ends as a warning.
  const once = [
    ...new Map(findings.map((finding) => [JSON.stringify({ ...finding, severity: "" }), finding])).values(),
  ];
  const gravest = once.toSorted((a, b) => GRAVITY[a.severity] - GRAVITY[b.severity]);
  return gravest.flatMap(({ severity, message, path, repair }): readonly Line[] => {
    const paint = severity === "warn" ? yellow : red;
    const isWayShown = isRefused && repair !== null && repair !== message;
    return [
      ["  ", (isRefused ? paint : yellow)(severity), ` ${message}`, path === null ? "" : dim(` (${path})`)],
      ...(isWayShown ? [[dim(`         → ${repair}`)] as Line] : []),
    ];
  });
}

/** Where a person finds what was refused, and what to do about it. */
export function refusalLines(
  { status, run }: RunResult,
  { home }: Pick<ReportPlaces, "home">,
): readonly Line[] {
  if (status !== "failed_invalid_artifacts") return [];
  return [
    ["  The memory is as it was. What the agent wrote is kept in ", bold(join(home, "rejected", run))],
    "  `slowwave run --now` lets an agent try again and tells it why this was refused; docs/gate.md names every check.",
  ];
}

/** A limit of cost, and an agent that has a model and does not say what it costs. */
function isCostUnknown({ agent, budget }: RunResult): boolean {
  const of = (name: BudgetName) => budget.find((use) => use.name === name);
  return agent?.costUsd === null && of("cost")?.limit != null && (of("tokens")?.used ?? 0) > 0;
}

/** What a dry run would change stands first: it can be long, and what to do about it is wanted in sight. */
function dryRunLines({ dryRun }: RunResult): readonly Line[] {
  if (!dryRun) return [];
  if (dryRun.diff === "") return ["  Nothing would change."];
  return diffTextLines(dryRun.diff.replace(/\n$/, ""));
}

/** The last line names outcome and status, and on failure what to do and why. */
function lastLine({ outcome, status, reason, run, dryRun, findings }: RunResult): Line {
  const paint = outcome === "succeeded" ? green : outcome === "skipped" ? yellow : red;
  const line = [paint(outcome), ` · ${status} · ${progressOf(status)}`];
  if (reason === null && dryRun) {
    return [
      ...line,
      " · dry run, nothing was published; ",
      bold(`slowwave apply ${dryRun.hash}`),
      " does it",
    ];
  }
  if (reason === null) return line;
  // The sentences stand above; their codes and the advice to look for them would say less.
  const isExplained =
    status === "failed_invalid_artifacts" && findings.some(({ severity }) => severity !== "warn");
  if (isExplained) return [...line, dim(` · run ${run}`)];
  const cause = reason.cause === null ? "" : ` (cause: ${reason.cause})`;
  return [...line, ` · ${reason.message}${cause}`, ...(outcome === "failed" ? [dim(` · run ${run}`)] : [])];
}
