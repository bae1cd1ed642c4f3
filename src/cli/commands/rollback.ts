import type { Command } from "commander";
import type { FileChanges } from "../../domain/generation.ts";
import type { Store } from "../../domain/ports.ts";
import { withControls } from "../maintenance.ts";
import { examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { memoryPlace } from "../store.ts";
import { bold, changedFiles, dim, green, type Line, moment } from "../ui/text.ts";

export function addRollback(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("rollback")
    .argument(
      "[gen]",
      "a generation's id, the beginning of it, previous, or how many back (default: the last published before the current one)",
    )
    .summary("restore a generation, as a new one")
    .description(
      "Brings the memory back to what it was in a generation. Nothing is lost by it: what is there now stays a " +
        "generation too, changes made by hand included, and can be restored in its turn. What counts as consolidated stays as it is.",
    )
    .addHelpText(
      "after",
      examples(
        "slowwave rollback",
        "slowwave diff 2 && slowwave rollback 2",
        "slowwave rollback previous --json",
      ),
    )
    .action((gen: string | undefined, _: object, command: Command) =>
      end(rollBack(invocation(shell, command), gen ?? null)),
    );
}

interface RollbackReport {
  readonly space: string;
  readonly outcome: "succeeded";
  readonly status: "succeeded" | "succeeded_no_workspace_changes";
  readonly reason: null;
  /** In effect now. */
  readonly generation: string;
  readonly restored: string;
  /** Generation that keeps what a person had changed by hand; null when there was nothing. */
  readonly kept: string | null;
  readonly files: FileChanges;
  /** Unix seconds up to which inputs count as consolidated; a rollback leaves it alone. */
  readonly watermark: number | null;
}

/** `slowwave rollback`; returns the exit code. */
export async function rollBack(at: Invocation, target: string | null): Promise<number> {
  const { places, output, json } = at;
  return withControls(at, async (controls, store) => {
    const answer = await controls.rollback({ space: places.space, target });
    if (answer.kind === "running") return { running: places.space };
    const report: RollbackReport = {
      space: places.space,
      outcome: "succeeded",
      status: answer.kind === "restored" ? "succeeded" : "succeeded_no_workspace_changes",
      reason: null,
      generation: answer.generation,
      restored: answer.restored.id,
      kept: answer.kept?.id ?? null,
      files: answer.files,
      watermark: await watermarkOf(store, places.space),
    };
    if (json) output.printJson(report);
    else output.print(...reportLines(report, answer.restored.createdAtMs, memoryPlace(places, places.space)));
    return null;
  });
}

async function watermarkOf(store: Store, space: string): Promise<number | null> {
  return (await store.jobs.read(space))?.last_success_watermark ?? null;
}

function reportLines(report: RollbackReport, restoredAtMs: number, root: string): readonly Line[] {
  const { status, restored, generation, kept, files, watermark } = report;
  const keptLine: readonly Line[] =
    kept === null
      ? []
      : [
          [
            dim("  kept        "),
            `what was changed by hand, as generation ${kept}; \`slowwave rollback ${kept}\` brings it back`,
          ],
        ];
  if (status === "succeeded_no_workspace_changes") {
    return [
      ...keptLine,
      [
        green("nothing to do"),
        ` · the memory is generation ${restored} already; \`slowwave diff --list\` lists others, \`slowwave rollback N\` restores one`,
      ],
    ];
  }
  const until = watermark === null || watermark === 0 ? null : moment(watermark * 1_000);
  return [
    [dim("  restored    "), `generation ${restored} of ${moment(restoredAtMs)}`],
    [dim("  memory      "), bold(root)],
    [dim("  changed     "), changedFiles(files)],
    ...keptLine,
    [
      dim("  watermarks  "),
      until === null
        ? "untouched"
        : `untouched: inputs up to ${until} still count as consolidated; the next run starts from here`,
    ],
    [green("succeeded"), ` · generation ${generation}; \`slowwave diff\` shows what it undid`],
  ];
}
