import type { Command } from "commander";
import type { FileChanges } from "../../domain/generation.ts";
import { withControls } from "../maintenance.ts";
import { examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { memoryPlace } from "../store.ts";
import { bold, changedFiles, dim, green, type Line, moment } from "../ui/text.ts";

export function addApply(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("apply")
    .argument("<hash>", "what `slowwave run --dry-run` printed, or the beginning of it")
    .summary("publish a dry run, exactly as it was shown")
    .description(
      "Publishes what a dry run made, byte for byte, if its inputs and the memory are still those it was made from. " +
        "Otherwise it says what changed, publishes nothing, and exits with 2.",
    )
    .addHelpText(
      "after",
      examples("slowwave run --dry-run", "slowwave apply 3f9ac81e", "slowwave apply 3f9a --json"),
    )
    .action((hash: string, _: object, command: Command) => end(applyDraft(invocation(shell, command), hash)));
}

interface ApplyReport {
  readonly space: string;
  readonly outcome: "succeeded";
  readonly status: "succeeded" | "succeeded_no_workspace_changes";
  readonly reason: null;
  /** The dry run. */
  readonly run: string;
  readonly hash: string;
  readonly generation: string | null;
  readonly files: FileChanges;
  /** Unix seconds: inputs up to then count as consolidated now. */
  readonly completionWatermark: number;
}

/** `slowwave apply`; returns the exit code. */
export async function applyDraft(at: Invocation, hash: string): Promise<number> {
  const { places, output, json } = at;
  return withControls(at, async (controls) => {
    const answer = await controls.apply({ space: places.space, hash });
    if (answer.kind === "running") return { running: places.space };
    const { draft } = answer;
    const report: ApplyReport = {
      space: places.space,
      outcome: "succeeded",
      status: answer.kind === "applied" ? "succeeded" : "succeeded_no_workspace_changes",
      reason: null,
      run: draft.run,
      hash: draft.hash,
      generation: answer.generation,
      files: answer.files,
      completionWatermark: draft.watermark,
    };
    if (json) output.printJson(report);
    else output.print(...reportLines(report, memoryPlace(places, places.space)));
    return null;
  });
}

function reportLines(report: ApplyReport, root: string): readonly Line[] {
  return [
    [dim("  applied     "), `dry run ${report.hash} of run ${report.run}`],
    [dim("  memory      "), bold(root)],
    [
      dim("  changed     "),
      report.status === "succeeded" ? changedFiles(report.files) : "nothing; the memory is this already",
    ],
    [dim("  watermark   "), `inputs up to ${moment(report.completionWatermark * 1_000)} are consolidated`],
    [green("succeeded"), ` · generation ${report.generation ?? "none"}; \`slowwave rollback\` takes it back`],
  ];
}
