import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { EXIT } from "../exit-code.ts";
import { examples, invocation, type Shell } from "../shell.ts";

/** Every format of the statechart, and whether this version writes it. */
const FORMATS: Readonly<Record<string, "here" | "later">> = {
  json: "here",
  mermaid: "here",
  scxml: "later",
  stately: "later",
  svg: "later",
};

export function addMachine(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("machine")
    .summary("the statechart every run follows")
    .description("Prints the statechart, as data or as a picture.")
    .addOption(new Option("--format <format>", `${names("here")}; later: ${names("later")}`).default("json"))
    .addHelpText(
      "after",
      examples("slowwave machine --format mermaid > machine.mmd", "slowwave machine --format json"),
    )
    .action((options: { format: string }, command: Command) =>
      end(print(options.format, invocation(shell, command))),
    );
}

async function print(format: string, { output, json }: ReturnType<typeof invocation>): Promise<number> {
  const known = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (known === undefined) {
    throw new SlowwaveError("unknown_format", `There is no format "${format}"; there are ${names("here")}.`);
  }
  if (known === "later") {
    throw new SlowwaveError(
      "format_not_here",
      `The format ${format} comes later; this version writes ${names("here")}.`,
    );
  }
  const { phase2Machine, PHASE2_VERSION } = await import("../../machines/phase2.ts");
  if (format === "json") {
    output.printJson({ version: PHASE2_VERSION, ...phase2Machine.definition });
    return EXIT.ok;
  }
  const { mermaid } = await import("../mermaid.ts");
  const text = mermaid(phase2Machine.root);
  if (json) output.printJson({ format, text });
  else output.printText(text);
  return EXIT.ok;
}

function names(when: "here" | "later"): string {
  return Object.keys(FORMATS)
    .filter((format) => FORMATS[format] === when)
    .join(", ");
}
