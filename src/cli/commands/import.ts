import type { Command } from "commander";
import { examples, invocation, type Shell } from "../shell.ts";

export function addImport(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("import")
    .argument("<file>", "JSONL, one stage-1 output a line; - reads stdin")
    .summary("take stage-1 outputs from JSONL")
    .description(
      "Takes stage-1 outputs, all or nothing. Secrets and control characters in their texts are replaced.",
    )
    .option("--keep-going", "take the valid lines and report the others")
    .addHelpText(
      "after",
      examples(
        "slowwave import notes.jsonl",
        "cat notes.jsonl | slowwave import - --space my-project",
        "slowwave import notes.jsonl --keep-going --json",
      ),
    )
    .action((file: string, options: { keepGoing?: boolean }, command: Command) =>
      end(
        import("../import-file.ts").then(({ importFile }) =>
          importFile(invocation(shell, command), { file, keepGoing: options.keepGoing === true }),
        ),
      ),
    );
}
