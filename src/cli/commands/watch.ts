import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

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
      end(
        import("../watch.ts").then(({ watch }) =>
          watch(invocation(shell, command), { run: run ?? null, allSpaces: options.allSpaces === true }),
        ),
      ),
    );
}
