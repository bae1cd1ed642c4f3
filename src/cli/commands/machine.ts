import { type Command, Option } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addMachine(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("machine")
    .summary("the statechart every run follows")
    .description("Prints the statechart, as data, as a picture, or as source that Stately imports.")
    .addOption(new Option("--format <format>", "json, mermaid, scxml, stately, svg").default("json"))
    .addHelpText(
      "after",
      examples(
        "slowwave machine --format svg > machine.svg",
        "slowwave machine --format mermaid > machine.mmd",
        "slowwave machine --format stately > machine.ts",
      ),
    )
    .action((options: { format: string }, command: Command) =>
      end(
        import("../print-machine.ts").then(({ printMachine }) =>
          printMachine(invocation(shell, command), options.format),
        ),
      ),
    );
}
