import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import {
  type Drawing,
  mermaid,
  PHASE2_VERSION,
  phase2Machine,
  scxml,
  statelySource,
  svg,
} from "../../internal/machine.ts";
import { pageFolder } from "../../server/page.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";

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
      end(printMachine(invocation(shell, command), options.format)),
    );
}

/** Every format that is text; `json` is the result itself. */
const TEXTS: Readonly<Record<string, () => string | Promise<string>>> = {
  mermaid: () => mermaid(phase2Machine.root),
  scxml: () => scxml(phase2Machine.root),
  stately: () => statelySource(phase2Machine),
  svg: async () => svg(await drawing()),
};

/** `slowwave machine`; returns the exit code. */
export async function printMachine(
  { output, json }: Pick<Invocation, "output" | "json">,
  format: string,
): Promise<number> {
  const write = Object.hasOwn(TEXTS, format) ? TEXTS[format] : undefined;
  if (format === "json") output.printJson({ version: PHASE2_VERSION, ...phase2Machine.definition });
  else if (write === undefined) {
    const known = ["json", ...Object.keys(TEXTS)].join(", ");
    throw new SlowwaveError("unknown_format", `There is no format "${format}"; there are ${known}.`);
  } else if (json) output.printJson({ format, text: await write() });
  else output.printText((await write()).trimEnd());
  return EXIT.ok;
}

/** The chart as it was laid out with the page. */
async function drawing(): Promise<Drawing> {
  const folder = pageFolder();
  const text = folder === null ? null : await readFile(join(folder, "charts.json"), "utf8").catch(() => null);
  const drawings = text === null ? [] : (JSON.parse(text) as readonly Drawing[]);
  const found = drawings.find(({ id }) => id === phase2Machine.id);
  if (found !== undefined) return found;
  throw new SlowwaveError(
    "drawing_missing",
    "The chart is drawn when the package is built; run `npm run build` first.",
  );
}
