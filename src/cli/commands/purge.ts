import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addPurge(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("purge")
    .argument("<thread>", "the thread's id, as it was imported")
    .summary("remove a thread, id and text, from everything in the home")
    .description(
      "Removes a thread for good: its stage-1 output, recorded inputs, summary, its part of raw_memories.md and " +
        "MEMORY.md, what agents said of it, also worded anew, refused work, drafts, and all of these in every kept generation. " +
        "Lines that may come from it or from elsewhere are listed. Asks first; there is no way back. Killed half way, it can be repeated.",
    )
    .option("--yes", "don't ask")
    .addHelpText("after", examples("slowwave purge 5f0c1e9a-…", "slowwave purge 5f0c1e9a-… --yes --json"))
    .action((thread: string, options: { yes?: boolean }, command: Command) =>
      end(
        import("../purge-thread.ts").then(({ purgeThread }) =>
          purgeThread(invocation(shell, command), { thread, yes: options.yes === true }),
        ),
      ),
    );
}
