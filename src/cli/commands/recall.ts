import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import {
  FEWEST_RECALL_TOKENS,
  namesOf,
  RECALL_TOKENS,
  readPublishedMemory,
  recallOf,
  scheduleNotices,
} from "../../internal/delivery.ts";
import { nodeFiles } from "../../internal/memory.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { rootOf } from "../store.ts";

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
  const memory = await readPublishedMemory(nodeFiles(), rootOf(places, places.space));
  const names = all === true ? null : namesOf(resolve(world.cwd, folder ?? "."));
  const notices = scheduleNotices(places.home);
  const answer = await recallOf(memory, { folder: names, tokens, notices });
  if (json) output.printJson({ space: places.space, ...answer });
  else output.printText(answer.text.trimEnd());
  return EXIT.ok;
}
