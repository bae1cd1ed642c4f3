import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { codeOf, SlowwaveError } from "../../domain/failure.ts";
import type { UpsertOutcome } from "../../domain/memory.ts";
import type { Store } from "../../domain/ports.ts";
import {
  isSqlite,
  type Rejection,
  readStage1,
  type Stage1File,
  TRANSCRIPT_HEAD_BYTES,
  transcriptIn,
} from "../../internal/import.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openStore } from "../store.ts";
import type { Output } from "../ui/output.ts";
import { bold, counted, dim, red, yellow } from "../ui/text.ts";
import type { World } from "../world.ts";

interface ImportFlags {
  readonly keepGoing?: boolean;
  readonly remember?: readonly string[];
}

export function addImport(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("import")
    .argument("[file]", "JSONL, one stage-1 output a line; - reads stdin")
    .summary("take stage-1 outputs from JSONL")
    .description(
      "Takes stage-1 outputs, all or nothing. Secrets and control characters in their texts are replaced. Threads that " +
        "were purged are counted as forgotten and not taken.",
    )
    .option("--keep-going", "take the valid lines and report the others")
    .option("--remember <id...>", "take these threads again although they were purged")
    .addHelpText(
      "after",
      examples(
        "slowwave import notes.jsonl",
        "cat notes.jsonl | slowwave import - --space my-project",
        "slowwave import notes.jsonl --keep-going --json",
      ),
    )
    .action((file: string | undefined, options: ImportFlags, command: Command) => {
      const { keepGoing = false, remember = [] } = options;
      const at = invocation(shell, command);
      if (file !== undefined) return end(importFile(at, { file, keepGoing, remember }));
      if (remember.length > 0) return end(liftRefusals(at, remember));
      throw new SlowwaveError("invalid_usage", "Name the file to import, or - for stdin.");
    });
}

interface ImportReport extends UpsertOutcome {
  readonly rejected: readonly Rejection[];
  readonly error?: Refusal;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly cause: null;
}

const NOTHING: UpsertOutcome = { imported: 0, updated: 0, unchanged: 0, forgotten: 0, redacted: 0 };
/** Rejected lines shown to a person; `--json` has all. */
const SHOWN = 20;

/** `slowwave import`; returns the exit code. */
export async function importFile(
  at: Invocation,
  {
    file,
    keepGoing,
    remember,
  }: { readonly file: string; readonly keepGoing: boolean; readonly remember: readonly string[] },
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
    const report: ImportReport = { ...NOTHING, rejected, error: refusal };
    if (json) output.printJson(report);
    else printRefusal(report, refusal.message, output);
    return EXIT.usage;
  }
  const store = await openStore(places, output);
  try {
    await rememberThreads(store, places.space, remember);
    const report: ImportReport = {
      ...(await store.memories.upsert(places.space, outputs)),
      rejected,
      redacted: secrets,
    };
    if (json) output.printJson(report);
    else printReport(report, output);
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

/** `slowwave import --remember ID` without a file; returns the exit code. */
async function liftRefusals(at: Invocation, threads: readonly string[]): Promise<number> {
  const { output, places, json } = at;
  const store = await openStore(places, output);
  try {
    const lifted = await rememberThreads(store, places.space, threads);
    if (json) output.printJson({ remembered: lifted });
    else {
      output.print([
        bold(`${lifted} remembered`),
        lifted < threads.length ? ", the others were not forgotten" : "",
        "; import them again to have them back",
      ]);
    }
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

/** How many of these had been purged and may come in again. */
async function rememberThreads(store: Store, space: string, threads: readonly string[]): Promise<number> {
  let lifted = 0;
  for (const thread of threads) if (await store.memories.remember(thread, space)) lifted += 1;
  return lifted;
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

function printReport(
  { imported, updated, unchanged, forgotten, rejected, redacted }: ImportReport,
  output: Output,
): void {
  printRejected(rejected, output);
  output.print([
    bold(`${imported} imported`),
    `, ${updated} updated, ${unchanged} unchanged`,
    forgotten > 0 ? yellow(`, ${forgotten} forgotten`) : "",
    rejected.length > 0 ? yellow(`, ${rejected.length} rejected`) : "",
    redacted > 0 ? dim(` · ${counted(redacted, "secret")} replaced`) : "",
  ]);
}

function printRefusal({ rejected }: ImportReport, message: string, output: Output): void {
  printRejected(rejected, output);
  output.info([red("error"), ` ${message}`], "  code: import_rejected");
}

function printRejected(rejected: readonly Rejection[], output: Output): void {
  for (const { line, code, message } of rejected.slice(0, SHOWN)) {
    output.info([yellow(`line ${line}`), ` ${message} `, dim(code)]);
  }
  if (rejected.length > SHOWN) output.info(dim(`… and ${rejected.length - SHOWN} more; --json lists all`));
}

/**
 * The bytes of `import FILE`, or of stdin for `-`. Refuses at once, by a code, what cannot be JSONL, and the transcript of an
 * agent: each of its lines is JSON, and none is a stage-1 output.
 */
async function* inputFile(name: string, world: Pick<World, "cwd" | "stdin">): AsyncGenerator<Uint8Array> {
  if (name === "") throw new SlowwaveError("file_not_found", "The file to import has no name.");
  const path = resolve(world.cwd, name);
  const source = name === "-" ? world.stdin : createReadStream(path, { fd: await opened(path) });
  const shown = name === "-" ? "stdin" : path;
  let head: Uint8Array[] | null = [];
  let bytes = 0;
  try {
    for await (const chunk of source) {
      if (head === null) {
        yield chunk;
        continue;
      }
      head.push(chunk);
      bytes += chunk.byteLength;
      if (bytes < TRANSCRIPT_HEAD_BYTES) continue;
      assertStage1(Buffer.concat(head), shown);
      yield* head;
      head = null;
    }
    if (head === null) return;
    assertStage1(Buffer.concat(head), shown);
    yield* head;
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    throw unreadable(shown, error);
  }
}

async function opened(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      throw new SlowwaveError("file_not_found", `There is no file ${path}; check the path.`);
    }
    throw unreadable(path, error);
  }
  if ((await file.stat()).isDirectory()) {
    await file.close();
    throw new SlowwaveError("file_is_a_folder", `${path} is a folder; name a JSONL file in it.`);
  }
  return file;
}

/** What packed and UTF-16 files begin with. */
const BEGINNINGS: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];
const UTF_16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

const OPENING_BRACE = 0x7b;

function assertStage1(head: Uint8Array, shown: string): void {
  const agent = transcriptIn(head);
  if (agent !== null) {
    throw new SlowwaveError(
      "input_transcript",
      `${shown} is a transcript of ${agent}, and import takes notes that were made of one; \`slowwave learn --file FILE\` makes and keeps a note of it. Nothing was imported.`,
    );
  }
  const begins = (bytes: readonly number[]) => bytes.every((byte, at) => head[at] === byte);
  const packed = BEGINNINGS.find(([, bytes]) => begins(bytes));
  if (packed !== undefined) {
    throw new SlowwaveError(
      "file_packed",
      `${shown} is packed (${packed[0]}); unpack it first, for example: ${packed[0] === "gzip" ? "gunzip -c FILE" : "… "} | slowwave import -`,
    );
  }
  if (UTF_16.some(begins)) {
    throw new SlowwaveError("file_not_utf8", `${shown} is UTF-16; save it as UTF-8.`);
  }
  if (isSqlite(head)) {
    throw new SlowwaveError("file_binary", `${shown} is a SQLite database; JSONL is text.`);
  }
  // A NUL within JSONL is told by the line it is in.
  if (head[0] !== OPENING_BRACE && head.subarray(0, 1024).includes(0)) {
    throw new SlowwaveError("file_binary", `${shown} is a binary file; JSONL is text.`);
  }
}

function unreadable(shown: string, cause: unknown): SlowwaveError {
  return new SlowwaveError("file_unreadable", `${shown} cannot be read; check its permissions.`, { cause });
}
