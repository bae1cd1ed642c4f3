import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  type GenerationStore,
  isUnchanged,
} from "../../domain/generation.ts";
import type { Store } from "../../domain/ports.ts";
import { nodeFiles } from "../../internal/files.ts";
import { compare, type Edits, editsSince, type FileDiff, generationNamed } from "../../internal/memory.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { memoryRoots, openExistingStore } from "../store.ts";
import { diffLines, statLines } from "../ui/diff-lines.ts";
import { bold, changedFiles, counted, dim, type Line, moment } from "../ui/text.ts";

export function addDiff(program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>): void {
  program
    .command("diff")
    .argument(
      "[gen]",
      "from this generation: its id or the beginning of it, current, previous, or how many back",
    )
    .argument("[gen2]", "to this one (default: the current one)")
    .summary("what changed between generations")
    .description(
      "Shows what changed between two generations of the memory; by default the last two. `--list` names all there are.",
    )
    .option("--stat", "files and counts of lines only")
    .option("--list", "the generations that are kept, newest first")
    .option("--edits", "what was changed by hand in the folder since the current one")
    .addHelpText(
      "after",
      examples(
        "slowwave diff",
        "slowwave diff --list",
        "slowwave diff 3           # from three generations ago until now",
        "slowwave diff previous current --stat",
      ),
    )
    .action(
      (
        from: string | undefined,
        to: string | undefined,
        options: { stat?: boolean; list?: boolean; edits?: boolean },
        command: Command,
      ) =>
        end(
          diffGenerations(invocation(shell, command), {
            from: from ?? null,
            to: to ?? null,
            stat: options.stat === true,
            list: options.list === true,
            edits: options.edits === true,
          }),
        ),
    );
}

export interface DiffFlags {
  readonly from: string | null;
  readonly to: string | null;
  readonly stat: boolean;
  readonly list: boolean;
  /** What was changed by hand in the folder since the generation in effect. */
  readonly edits: boolean;
}

const NONE = "This space has no generation yet; `slowwave run` makes the first.";

/** `slowwave diff`; returns the exit code. */
export async function diffGenerations(at: Invocation, flags: DiffFlags): Promise<number> {
  const store = await openExistingStore(at.places);
  try {
    if (flags.list) await listGenerations(at, store);
    else if (flags.edits) await showEdits(at, flags, store);
    else await showDiff(at, flags, store);
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

async function showDiff(at: Invocation, { from, to, stat }: DiffFlags, store: Store | null): Promise<void> {
  const { places, output, json } = at;
  const pair = store === null ? null : await chosen(store.generations, places.space, from, to);
  if (store === null || pair === null) {
    if (json) output.printJson({ from: null, to: null, files: [] });
    else output.info(NONE);
    return;
  }
  const manifest = async (generation: Generation | null) =>
    generation === null ? [] : ((await store.generations.manifest(generation.id)) ?? []);
  const files = await compare(store.generations, await manifest(pair.from), await manifest(pair.to));
  printDiff(at, { ...pair, files, stat });
  const edits = json ? null : await editsOf(at, store);
  if (edits !== null && !isUnchanged(edits.changes)) {
    output.info(
      `The memory folder was edited by hand since then (${changedFiles(edits.changes)}); \`slowwave diff --edits\` shows it.`,
    );
  }
}

async function showEdits(at: Invocation, { from, stat }: DiffFlags, store: Store | null): Promise<void> {
  if (from !== null) {
    throw new SlowwaveError(
      "invalid_usage",
      "`--edits` compares the folder with the current generation; it takes no other.",
    );
  }
  if (memoryRoots(at.places) === null) {
    throw new SlowwaveError(
      "store_remote",
      "`--edits` compares the memory folder of this machine, and everything is in a database: what is changed in a checkout, `slowwave checkout` takes in.",
    );
  }
  const edits = store === null ? null : await editsOf(at, store);
  if (edits === null) {
    if (at.json) at.output.printJson({ from: null, to: null, files: [] });
    else
      at.output.info(
        "There is nothing to compare: no generation yet, or the folder can't be read (`slowwave doctor`).",
      );
    return;
  }
  const files = await compare(edits, edits.before, edits.after);
  const kept = keptEdits(edits.since);
  printDiff(at, { from: edits.since, to: null, files, stat, kept });
  if (!at.json && kept.length > 0) at.output.print(...keptLines(kept));
}

/** What of a person's earlier edits is kept in one file, whatever agent runs. */
interface KeptEdits {
  readonly path: string;
  /** Ranges of lines that are the person's, counted from 1, in the file of the current generation. */
  readonly lines: readonly { readonly from: number; readonly to: number }[];
  /** How many lines of an agent the person took away; only hashes of them are kept, so that they don't come back. */
  readonly removed: number;
  /** The person deleted the file. */
  readonly deleted: boolean;
}

function keptEdits(generation: Generation | null): readonly KeptEdits[] {
  return Object.entries(generation?.handEdits ?? {}).map(([path, edits]) => ({
    path,
    lines: edits
      .filter(({ line, lines }) => line >= 0 && lines > 0)
      .map(({ line, lines }) => ({ from: line + 1, to: line + lines })),
    removed: edits.reduce((sum, { replaced }) => sum + replaced.length, 0),
    deleted: edits.some(({ line }) => line < 0),
  }));
}

function keptLines(kept: readonly KeptEdits[]): readonly Line[] {
  return [
    dim("kept from earlier edits, whatever agent runs; write a removed line again by hand to have it back"),
    ...kept.map(({ path, lines, removed, deleted }): Line => {
      const own = lines.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
      const parts = [
        ...(deleted ? ["the file stays deleted"] : []),
        ...(own === "" ? [] : [`your lines ${own}`]),
        ...(removed === 0 ? [] : [`${counted(removed, "line")} that you removed`]),
      ];
      return [bold(path), `  ${parts.join("; ")}`];
    }),
  ];
}

async function editsOf({ places }: Invocation, { generations }: Store): Promise<Edits | null> {
  const { home, space } = places;
  const root = memoryRoots(places)?.(space);
  if (root === undefined) return null;
  const homeId = (await readFile(join(home, "home-id"), "utf8").catch(() => "")).trim();
  return editsSince({ generations, files: nodeFiles() }, { space, root, homeId });
}

/** `to`: null is the folder as it is. */
function printDiff(
  { output, json }: Invocation,
  {
    from,
    to,
    files,
    stat,
    kept,
  }: {
    readonly from: Generation | null;
    readonly to: Generation | null;
    readonly files: readonly FileDiff[];
    readonly stat: boolean;
    /** Only of `--edits`. */
    readonly kept?: readonly KeptEdits[];
  },
): void {
  if (json) {
    const shown = stat ? files.map(({ hunks: _, ...file }) => file) : files;
    output.printJson({ from, to, files: shown, ...(kept === undefined ? {} : { kept }) });
    return;
  }
  output.info(
    [dim("from  "), titleOf(from)],
    [dim("to    "), to === null ? "the memory folder as it is now" : titleOf(to)],
  );
  if (files.length === 0) output.info("No difference.");
  else output.print(...(stat ? statLines(files) : diffLines(files)));
}

/** Without names the last two; with one name, from there until now. */
async function chosen(
  generations: GenerationStore,
  space: string,
  from: string | null,
  to: string | null,
): Promise<{ readonly from: Generation | null; readonly to: Generation } | null> {
  if (from !== null) {
    const first = await generationNamed(generations, space, from);
    return { from: first, to: await generationNamed(generations, space, to ?? "current") };
  }
  const [newest, previous] = await generations.list(space, 2);
  return newest === undefined ? null : { from: previous ?? null, to: newest };
}

const KINDS = {
  published: "published",
  adopted: "found in the folder and adopted",
  edited: "edited by hand",
  rollback: "restored by a rollback",
  purged: "left by a purge",
} as const;

function titleOf(generation: Generation | null): string {
  if (generation === null) return "nothing";
  const { id, kind, createdAtMs, agent, findings, withdrawnAtMs } = generation;
  return [
    `${id}  ${moment(createdAtMs)}  ${KINDS[kind]}`,
    ...(agent === undefined ? [] : [`by ${agent}`]),
    ...(findings === undefined || findings === 0 ? [] : [counted(findings, "finding")]),
    ...(withdrawnAtMs === undefined ? [] : ["withdrawn by a purge"]),
  ].join(", ");
}

const LISTED = 1_000;

async function listGenerations({ places, output, json }: Invocation, store: Store | null): Promise<void> {
  const generations = store === null ? [] : await store.generations.list(places.space, LISTED);
  const lines: Line[] = [];
  const rows: unknown[] = [];
  for (const [back, generation] of generations.entries()) {
    const changes = await changesOf(store as Store, generation);
    const { added, modified, deleted } = changes;
    rows.push({ back, ...generation, files: changes });
    const counts = `+${added.length} ~${modified.length} -${deleted.length} files`;
    lines.push([
      bold(String(back).padStart(3)),
      `  ${titleOf(generation)}`,
      dim(`  ${counts}${back === 0 ? "  (current)" : ""}`),
    ]);
  }
  if (json) output.printJson({ generations: rows });
  else if (lines.length === 0) output.info(NONE);
  else output.print(...lines);
}

async function changesOf({ generations }: Store, { id, parent }: Generation): Promise<FileChanges> {
  const before = parent === null ? [] : ((await generations.manifest(parent)) ?? []);
  return changesBetween(before, (await generations.manifest(id)) ?? []);
}
