import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

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
    .action((hash: string, _: object, command: Command) =>
      end(import("../apply-draft.ts").then(({ applyDraft }) => applyDraft(invocation(shell, command), hash))),
    );
}
