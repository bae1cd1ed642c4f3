import { type Command, Option } from "commander";
import type { Store } from "../../domain/ports.ts";
import type { RunRecord } from "../../domain/run.ts";
import { subjectOf } from "../../domain/run-subject.ts";
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
    .addOption(
      new Option("--machine <name>", "phase2 (consolidating), or phase1: the runs that learned a session")
        .choices(["phase1", "phase2"])
        .default("phase2"),
    )
    .addHelpText(
      "after",
      examples(
        "slowwave runs",
        "slowwave runs --last 5 --json",
        "slowwave runs --machine phase1",
        "slowwave runs show last",
      ),
    )
    .action(
      (options: { last: number; allSpaces?: boolean; machine: "phase1" | "phase2" }, command: Command) =>
        end(listRuns(invocation(shell, command), { ...options, allSpaces: options.allSpaces === true })),
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
  { last, allSpaces, machine }: RunsFlags,
): Promise<number> {
  const store = await openExistingStore(places);
  try {
    const records = store === null ? [] : await newest(store, { last, allSpaces, machine, places });
    const runs = store === null ? [] : await summaries(records, store);
    if (json) output.printJson({ runs });
    else if (runs.length === 0) {
      output.info(
        machine === "phase1"
          ? "No session was learned lately; `slowwave learn` learns what is due."
          : "No runs yet; `slowwave run` makes the first.",
      );
    } else output.print(...runs.map(runLine));
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

interface RunsFlags {
  readonly last: number;
  readonly allSpaces: boolean;
  /** Runs that learn a session are many and small, and listed only when they are asked for. */
  readonly machine: "phase1" | "phase2";
}

/** Runs of phase 1 belong to no space of the log, so theirs is read from each. */
const SEARCHED = 10_000;

async function newest(
  { runs }: Store,
  { last, allSpaces, machine, places: { space } }: RunsFlags & Pick<Invocation, "places">,
): Promise<readonly RunRecord[]> {
  const machines = [machine];
  if (allSpaces) return runs.list({ machines, limit: last });
  if (machine === "phase2") return runs.list({ machines, space, limit: last });
  const all = await runs.list({ machines, limit: SEARCHED });
  return all.filter((record) => subjectOf(record).space === space).slice(0, last);
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
  session,
  outcome,
  status,
  inputs,
  dryRun,
  startedAt,
  finishedAt,
}: RunSummary): Line {
  const spent = finishedAt === null ? "" : elapsed(Date.parse(finishedAt) - Date.parse(startedAt));
  const what = session ?? `${inputs} inputs${dryRun ? ", dry run" : ""}`;
  return [
    `${run}  ${moment(Date.parse(startedAt))}  `,
    PAINT[outcome]((status ?? outcome).padEnd(30)),
    dim(` ${spent.padStart(10)}  ${what}${space === "global" ? "" : `  ${space}`}`),
  ];
}
