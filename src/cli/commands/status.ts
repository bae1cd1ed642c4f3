import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addStatus(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("status")
    .summary("the job, its backlog, and what it is waiting for")
    .description("Says how the space stands: job, lease, backlog, last runs, and one sentence on what to do.")
    .addHelpText("after", examples("slowwave status", "slowwave status --space my-project --json"))
    .action((_: object, command: Command) =>
      end(import("../status.ts").then(({ status }) => status(invocation(shell, command)))),
    );
}
