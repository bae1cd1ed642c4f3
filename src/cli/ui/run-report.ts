import type { BudgetName } from "../../domain/budget.ts";
import type { RunResult } from "../../domain/result.ts";
import { progressOf } from "../../domain/texts.ts";
import { diffTextLines } from "./diff-lines.ts";
import { changedFiles, counted, elapsed } from "./format.ts";
import type { Output } from "./output.ts";
import { bold, dim, green, type Line, red, yellow } from "./paint.ts";

/** How a run ended, for a person. Successes and skips are results; failures go where failures are looked for. */
export function reportRun(result: RunResult, root: string, output: Output): void {
  const { outcome } = result;
  if (outcome === "failed" || outcome === "cancelled")
    output.info(...details(result, root), lastLine(result));
  else output.print(...details(result, root), lastLine(result));
}

function details(result: RunResult, root: string): readonly Line[] {
  const { outcome, inputs, findings, states } = result;
  const lines: Line[] = [];
  if (outcome === "succeeded") {
    const spent = elapsed(states.reduce((sum, { ms }) => sum + ms, 0));
    const sessions = counted(inputs, "stage-1 output");
    lines.push(
      ...dryRunLines(result),
      [result.dryRun ? "  looked at    " : "  consolidated ", bold(sessions), dim(` in ${spent}`)],
      ["  memory       ", bold(root)],
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
  for (const { severity, message, path } of findings) {
    lines.push(["  ", yellow(severity), ` ${message}`, path === null ? "" : dim(` (${path})`)]);
  }
  return lines;
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
function lastLine({ outcome, status, reason, run, dryRun }: RunResult): Line {
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
  const cause = reason.cause === null ? "" : ` (cause: ${reason.cause})`;
  return [...line, ` · ${reason.message}${cause}`, ...(outcome === "failed" ? [dim(` · run ${run}`)] : [])];
}
