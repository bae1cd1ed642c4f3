import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addDiff(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("diff")
    .argument(
      "[gen]",
      "from this generation: its id or the beginning of it, current, previous, or how many back",
    )
    .argument("[gen2]", "to this one (default: the current one)")
    .summary("what changed between generations")
    .description(
      "Shows what changed between two generations of the memory; by default the last two. `--list` names all there are.",
    )
    .option("--stat", "files and counts of lines only")
    .option("--list", "the generations that are kept, newest first")
    .option("--edits", "what was changed by hand in the folder since the current one")
    .addHelpText(
      "after",
      examples(
        "slowwave diff",
        "slowwave diff --list",
        "slowwave diff 3           # from three generations ago until now",
        "slowwave diff previous current --stat",
      ),
    )
    .action(
      (
        from: string | undefined,
        to: string | undefined,
        options: { stat?: boolean; list?: boolean; edits?: boolean },
        command: Command,
      ) =>
        end(
          import("../diff-generations.ts").then(({ diffGenerations }) =>
            diffGenerations(invocation(shell, command), {
              from: from ?? null,
              to: to ?? null,
              stat: options.stat === true,
              list: options.list === true,
              edits: options.edits === true,
            }),
          ),
        ),
    );
}
