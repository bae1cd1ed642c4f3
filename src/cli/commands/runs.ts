import type { Command } from "commander";
import { countOption, examples, invocation, type Shell } from "../shell.ts";

export function addRuns(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  const runs = program
    .command("runs")
    .summary("history; `runs show ID` for one run")
    .description("Lists the runs of the space, newest first.")
    .addOption(countOption("--last <n>", "how many", 20))
    .option("--all-spaces", "of every space")
    .addHelpText(
      "after",
      examples("slowwave runs", "slowwave runs --last 5 --json", "slowwave runs show last"),
    )
    .action((options: { last: number; allSpaces?: boolean }, command: Command) =>
      end(
        import("../runs.ts").then(({ listRuns }) =>
          listRuns(invocation(shell, command), { last: options.last, allSpaces: options.allSpaces === true }),
        ),
      ),
    );
  runs
    .command("show")
    .argument("<id>", "the run's id, the beginning of it, or last")
    .summary("one run")
    .description("Shows one run: states with durations, heartbeats, agent, files, findings, cause.")
    .option("--transcript", "what the agent said, too")
    .addHelpText("after", examples("slowwave runs show last", "slowwave runs show 1k3 --transcript"))
    .action((id: string, options: { transcript?: boolean }, command: Command) =>
      end(
        import("../show-run.ts").then(({ showRun }) =>
          showRun(invocation(shell, command), { id, transcript: options.transcript === true }),
        ),
      ),
    );
}
