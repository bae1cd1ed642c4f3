import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addDoctor(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("doctor")
    .summary("what is wrong, and the command that mends it")
    .description("Checks Node, home, store, jobs, runs, clock, memory root, agent, and what was left behind.")
    .option("--full", "hash every file of every generation again, however long it takes")
    .addHelpText("after", examples("slowwave doctor", "slowwave doctor --space my-project --json"))
    .action((options: { full?: boolean }, command: Command) =>
      end(
        import("../doctor.ts").then(({ doctor }) =>
          doctor(invocation(shell, command), options.full === true),
        ),
      ),
    );
}
