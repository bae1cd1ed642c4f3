import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addCancel(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("cancel")
    .argument("<run>", "the run's id, the beginning of it, or last")
    .summary("cancel a run, from any process")
    .description(
      "Ends the run's agent and releases its job. A run at work in another process hears it within 2 seconds.",
    )
    .addHelpText("after", examples("slowwave cancel last", "slowwave cancel 1k3c0e --json"))
    .action((run: string, _: object, command: Command) =>
      end(import("../cancel-run.ts").then(({ cancelRun }) => cancelRun(invocation(shell, command), run))),
    );
}
