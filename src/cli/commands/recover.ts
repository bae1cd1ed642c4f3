import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addRecover(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("recover")
    .summary("finish runs whose process died")
    .description(
      "Takes over every unfinished run whose process is dead, in all spaces, and brings it to its end. A space that a killed apply or purge still has is free again.",
    )
    .addHelpText("after", examples("slowwave recover", "slowwave recover --json"))
    .action((_: object, command: Command) =>
      end(import("../recover-runs.ts").then(({ recoverRuns }) => recoverRuns(invocation(shell, command)))),
    );
}
