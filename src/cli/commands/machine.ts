import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { AnyStateMachine } from "xstate";
import { SlowwaveError } from "../../domain/failure.ts";
import {
  type Drawing,
  mermaid,
  PHASE1_VERSION,
  PHASE2_VERSION,
  phase1Machine,
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
    .addOption(
      new Option("--machine <name>", "phase1 (learning a session) or phase2 (consolidating)")
        .choices(["phase1", "phase2"])
        .default("phase2"),
    )
    .addHelpText(
      "after",
      examples(
        "slowwave machine --machine phase1 --format mermaid",
        "slowwave machine --format svg > machine.svg",
        "slowwave machine --format mermaid > machine.mmd",
        "slowwave machine --format stately > machine.ts",
      ),
    )
    .action((options: { format: string; machine: "phase1" | "phase2" }, command: Command) =>
      end(printMachine(invocation(shell, command), options.format, options.machine)),
    );
}

/** Every format that is text; `json` is the result itself. */
const TEXTS: Readonly<Record<string, (machine: AnyStateMachine) => string | Promise<string>>> = {
  mermaid: ({ root }) => mermaid(root),
  scxml: ({ root }) => scxml(root),
  stately: (machine) => statelySource(machine),
  svg: async ({ id }) => svg(await drawing(id)),
};

const MACHINES = {
  phase1: { machine: phase1Machine, version: PHASE1_VERSION },
  phase2: { machine: phase2Machine, version: PHASE2_VERSION },
} as const;

/** `slowwave machine`; returns the exit code. */
export async function printMachine(
  { output, json }: Pick<Invocation, "output" | "json">,
  format: string,
  name: keyof typeof MACHINES = "phase2",
): Promise<number> {
  const { machine, version } = MACHINES[name];
  const write = Object.hasOwn(TEXTS, format) ? TEXTS[format] : undefined;
  if (format === "json") output.printJson({ version, ...machine.definition });
  else if (write === undefined) {
    const known = ["json", ...Object.keys(TEXTS)].join(", ");
    throw new SlowwaveError("unknown_format", `There is no format "${format}"; there are ${known}.`);
  } else if (json) output.printJson({ format, text: await write(machine) });
  else output.printText((await write(machine)).trimEnd());
  return EXIT.ok;
}

/** The chart as it was laid out with the page. */
async function drawing(machine: string): Promise<Drawing> {
  const folder = pageFolder();
  const text = folder === null ? null : await readFile(join(folder, "charts.json"), "utf8").catch(() => null);
  const drawings = text === null ? [] : (JSON.parse(text) as readonly Drawing[]);
  const found = drawings.find(({ id }) => id === machine);
  if (found !== undefined) return found;
  throw new SlowwaveError(
    "drawing_missing",
    machine === phase2Machine.id
      ? "The chart is drawn when the package is built; run `npm run build` first."
      : `The chart of ${machine} is not drawn; \`--format mermaid\` prints it.`,
  );
}
