import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import { nodeFiles } from "../../internal/files.ts";
import { gitAsker, isSame } from "../../internal/projects.ts";
import {
  FEWEST_RECALL_TOKENS,
  namesOf,
  RECALL_TOKENS,
  readPublishedMemory,
  recallOf,
  scheduleNotices,
  withKnownFolders,
} from "../../internal/recall.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore, rootOf } from "../store.ts";

interface RecallFlags {
  readonly for?: string;
  readonly all?: boolean;
  readonly tokens: number;
}

const MOST_TOKENS = 100_000;

export function addRecall(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("recall")
    .summary("the memory for one folder, as agents are shown it")
    .description(
      "Prints what past sessions taught about a folder's project, and what the user wants everywhere: an index first, then " +
        "preferences, then facts, within a budget of tokens.",
    )
    .option("--for <dir>", "the folder it is for (default: this one)")
    .option("--all", "an overview of all projects instead")
    .addOption(
      new Option("--tokens <n>", "the most tokens it may take, by a careful estimate")
        .default(RECALL_TOKENS)
        .argParser(tokensFrom),
    )
    .addHelpText(
      "after",
      examples(
        "slowwave recall",
        "slowwave recall --for ~/projects/shop --tokens 1000",
        "slowwave recall --all --json",
      ),
    )
    .action((flags: RecallFlags, command: Command) => end(recall(invocation(shell, command), flags)));
}

function tokensFrom(text: string): number {
  const tokens = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (tokens >= FEWEST_RECALL_TOKENS && tokens <= MOST_TOKENS) return tokens;
  throw new SlowwaveError(
    "invalid_usage",
    `--tokens needs a whole number from ${FEWEST_RECALL_TOKENS} to ${MOST_TOKENS}.`,
  );
}

/** `slowwave recall`; returns the exit code. */
async function recall(
  { places, output, world, json }: Invocation,
  { for: folder, all, tokens }: RecallFlags,
): Promise<number> {
  if (folder !== undefined && all === true)
    throw new SlowwaveError("invalid_usage", "Give --for or --all, not both.");
  if (folder === "" || folder?.includes("\0") === true)
    throw new SlowwaveError("invalid_usage", "--for needs a folder.");
  const store = await openExistingStore(places);
  try {
    const read = await readPublishedMemory(nodeFiles(), rootOf(places, places.space));
    const memory = store === null ? read : await withKnownFolders(read, store.projects);
    const names = all === true ? null : await everyName(resolve(world.cwd, folder ?? "."), world.env, store);
    const notices = scheduleNotices(places.home);
    const answer = await recallOf(memory, { folder: names, tokens, notices });
    if (json) output.printJson({ space: places.space, ...answer });
    else output.printText(answer.text.trimEnd());
    return EXIT.ok;
  } finally {
    await store?.close();
  }
}

/** The folder's own names, and those of its repository's other checkouts, which git knows it by. */
async function everyName(
  folder: string,
  env: Invocation["world"]["env"],
  store: Store | null,
): Promise<readonly string[]> {
  const names = [...namesOf(folder)];
  const facts = store === null ? null : await gitAsker(env)(folder);
  if (store === null || facts === null) return names;
  for (const project of await store.projects.list())
    if (isSame(project, facts)) names.push(...(await store.projects.pathsOf(project.id)));
  return names;
}
