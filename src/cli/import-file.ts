import { SlowwaveError } from "../domain/failure.ts";
import type { UpsertOutcome } from "../domain/memory.ts";
import { type Rejection, readStage1, type Stage1File } from "../internal/import.ts";
import { EXIT } from "./exit-code.ts";
import { inputFile } from "./input-file.ts";
import type { Output } from "./output.ts";
import { bold, dim, red, yellow } from "./paint.ts";
import type { Invocation } from "./shell.ts";
import { openStore } from "./store.ts";

interface ImportReport extends UpsertOutcome {
  readonly rejected: readonly Rejection[];
  /** Secrets that were replaced; what they were is told to no one. */
  readonly redacted: number;
  readonly error?: Refusal;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly cause: null;
}

const NOTHING: UpsertOutcome = { imported: 0, updated: 0, unchanged: 0 };
/** Rejected lines shown to a person; `--json` has all. */
const SHOWN = 20;

/** `slowwave import`; returns the exit code. */
export async function importFile(
  at: Invocation,
  { file, keepGoing }: { readonly file: string; readonly keepGoing: boolean },
): Promise<number> {
  const { output, world, places, json } = at;
  const read = await readStage1(inputFile(file, world));
  const { rejected, secrets, outputs } = read;
  if (outputs.length + rejected.length === 0) {
    throw new SlowwaveError(
      "file_empty",
      "There is nothing in the file; each line is one stage-1 output as JSON.",
    );
  }
  const refusal = refusalOf(read, keepGoing);
  if (refusal !== null) {
    const report: ImportReport = { ...NOTHING, rejected, redacted: 0, error: refusal };
    if (json) output.printJson(report);
    else tellRefusal(report, refusal.message, output);
    return EXIT.usage;
  }
  const store = await openStore(places, output);
  try {
    const report: ImportReport = {
      ...(await store.memories.upsert(places.space, outputs)),
      rejected,
      redacted: secrets,
    };
    if (json) output.printJson(report);
    else tell(report, output);
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

/** All or nothing, unless the person said otherwise; and nothing at all is no success. */
function refusalOf({ outputs, rejected }: Stage1File, keepGoing: boolean): Refusal | null {
  if (rejected.length === 0 || (keepGoing && outputs.length > 0)) return null;
  const lines = `${rejected.length} of ${rejected.length + outputs.length} lines`;
  const hint = outputs.length > 0 ? " Mend them, or take the others with --keep-going." : " Mend them first.";
  return {
    code: "import_rejected",
    message: `${lines} cannot be taken, so nothing was imported.${hint}`,
    cause: null,
  };
}

function tell({ imported, updated, unchanged, rejected, redacted }: ImportReport, output: Output): void {
  tellRejected(rejected, output);
  output.print([
    bold(`${imported} imported`),
    `, ${updated} updated, ${unchanged} unchanged`,
    rejected.length > 0 ? yellow(`, ${rejected.length} rejected`) : "",
    redacted > 0 ? dim(` · ${redacted} ${redacted === 1 ? "secret" : "secrets"} replaced`) : "",
  ]);
}

function tellRefusal({ rejected }: ImportReport, message: string, output: Output): void {
  tellRejected(rejected, output);
  output.say([red("error"), ` ${message}`], "  code: import_rejected");
}

function tellRejected(rejected: readonly Rejection[], output: Output): void {
  for (const { line, code, message } of rejected.slice(0, SHOWN)) {
    output.say([yellow(`line ${line}`), ` ${message} `, dim(code)]);
  }
  if (rejected.length > SHOWN) output.say(dim(`… and ${rejected.length - SHOWN} more; --json lists all`));
}
