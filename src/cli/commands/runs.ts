import type { Command } from "commander";
import type { Store } from "../../domain/ports.ts";
import type { RunRecord } from "../../domain/run.ts";
import { countOption, EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore } from "../store.ts";
import { type RunSummary, showRun, summaryOf } from "../ui/run-page.ts";
import { dim, elapsed, green, type Line, moment, red, yellow } from "../ui/text.ts";

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
        listRuns(invocation(shell, command), { last: options.last, allSpaces: options.allSpaces === true }),
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
      end(showRun(invocation(shell, command), { id, transcript: options.transcript === true })),
    );
}

/** `slowwave runs`; returns the exit code. */
export async function listRuns(
  { places, output, json }: Invocation,
  { last, allSpaces }: { readonly last: number; readonly allSpaces: boolean },
): Promise<number> {
  const store = await openExistingStore(places);
  try {
    // Runs that learn a session are many and small: `slowwave sessions` tells of each.
    const filter = allSpaces ? { limit: last, machines: ["phase2"] } : { space: places.space, limit: last };
    const runs = store === null ? [] : await summaries(await store.runs.list(filter), store);
    if (json) output.printJson({ runs });
    else if (runs.length === 0) output.info("No runs yet; `slowwave run` makes the first.");
    else output.print(...runs.map(runLine));
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

function summaries(records: readonly RunRecord[], store: Store): Promise<readonly RunSummary[]> {
  return Promise.all(
    records.map(async (record) =>
      summaryOf(record, record.state === "active" && (await store.liveness.probe(record.owner)) === "alive"),
    ),
  );
}

const PAINT = {
  succeeded: green,
  skipped: dim,
  running: yellow,
  unfinished: yellow,
  failed: red,
  cancelled: red,
};

export function runLine({
  run,
  space,
  outcome,
  status,
  inputs,
  dryRun,
  startedAt,
  finishedAt,
}: RunSummary): Line {
  const spent = finishedAt === null ? "" : elapsed(Date.parse(finishedAt) - Date.parse(startedAt));
  return [
    `${run}  ${moment(Date.parse(startedAt))}  `,
    PAINT[outcome]((status ?? outcome).padEnd(30)),
    dim(
      ` ${spent.padStart(10)}  ${inputs} inputs${dryRun ? ", dry run" : ""}${space === "global" ? "" : `  ${space}`}`,
    ),
  ];
}
