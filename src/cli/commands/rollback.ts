import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

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
      end(
        import("../roll-back.ts").then(({ rollBack }) => rollBack(invocation(shell, command), gen ?? null)),
      ),
    );
}
