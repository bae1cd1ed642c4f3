import type { Store } from "../domain/ports.ts";
import type { RunRecord } from "../domain/run.ts";
import { elapsed, moment } from "./elapsed.ts";
import { EXIT } from "./exit-code.ts";
import { dim, green, type Line, red, yellow } from "./paint.ts";
import { type RunSummary, summaryOf } from "./run-summary.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore } from "./store.ts";

/** `slowwave runs`; returns the exit code. */
export async function listRuns(
  { places, output, json }: Invocation,
  { last, allSpaces }: { readonly last: number; readonly allSpaces: boolean },
): Promise<number> {
  const store = await openExistingStore(places);
  try {
    const filter = allSpaces ? { limit: last } : { space: places.space, limit: last };
    const runs = store === null ? [] : await summaries(await store.runs.list(filter), store);
    if (json) output.printJson({ runs });
    else if (runs.length === 0) output.say("No runs yet; `slowwave run` makes the first.");
    else output.print(...runs.map(runLine));
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

function summaries(records: readonly RunRecord[], store: Store): Promise<readonly RunSummary[]> {
  return Promise.all(
    records.map(async (record) =>
      summaryOf(record, record.state === "active" && (await store.owners.probe(record.owner)) === "alive"),
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
