import { resolve } from "node:path";
import type { Command } from "commander";
import { causeOf, SlowwaveError } from "../../domain/failure.ts";
import type { LocalStore } from "../../domain/ports.ts";
import { type Checkout, checkout, followCheckout } from "../../internal/engine.ts";
import { terminalText } from "../../text/sanitize.ts";
import { nothingHere, runningLines, skippedRunning } from "../maintenance.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore } from "../store.ts";
import { bold, changedFiles, dim, green, type Line, printableJsonLine, yellow } from "../ui/text.ts";
import { exitCodeOfSignal, type StopSignal } from "../world.ts";

export function addCheckout(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("checkout")
    .summary("bring a folder to the memory, and take in what is changed there by hand")
    .description(
      "Brings a folder on this machine to the memory that is in effect in the store. What you change in it by hand is merged " +
        "onto the newest memory when you check out again, or at once with --follow.",
    )
    .requiredOption("--to <dir>", "the folder; made if it is not there")
    .option("--follow", "keep it current until Ctrl-C")
    .addHelpText(
      "after",
      examples(
        "slowwave checkout --to ./memory",
        "slowwave checkout --space team/shop --to /srv/shop/memory --follow",
        "slowwave checkout --to ./memory --json",
      ),
    )
    .action((options: { to: string; follow?: boolean }, command: Command) =>
      end(checkOutMemory(invocation(shell, command), { to: options.to, follow: options.follow === true })),
    );
}

/** `slowwave checkout`; returns the exit code: 1 when a run has the space and there are edits to take in. */
export async function checkOutMemory(
  at: Invocation,
  { to, follow }: { readonly to: string; readonly follow: boolean },
): Promise<number> {
  if (to === "" || to.includes("\0")) throw new SlowwaveError("invalid_usage", "--to needs a folder.");
  const store = await openExistingStore(at.places);
  if (store === null) throw nothingHere();
  try {
    const { home, space } = at.places;
    const options = { store, home, space, to: resolve(at.world.cwd, to) };
    if (follow) return await followUntilSignal(at, options);
    const answer = await checkout(options);
    if (answer.kind === "running") return await printRunning(at, store);
    if (at.json) at.output.printJson(reportOf(space, options.to, answer));
    else at.output.print(...linesOf(options.to, answer));
    return EXIT.ok;
  } catch (error) {
    throw inWordsOfCheckout(error);
  } finally {
    await store.close();
  }
}

/** What is wrong with a folder is said as of a memory root, which another flag names. */
function inWordsOfCheckout(error: unknown): unknown {
  if (!(error instanceof SlowwaveError) || !error.code.startsWith("root_")) return error;
  return new SlowwaveError(error.code, error.message.replace("--memory-root", "--to"), {
    cause: error.cause,
  });
}

async function printRunning({ json, output, places }: Invocation, store: LocalStore): Promise<number> {
  if (json) output.printJson(await skippedRunning(store, places.space));
  else output.info(...(await runningLines(store, places.space)));
  return EXIT.failed;
}

async function followUntilSignal(
  { world, output, json, places }: Invocation,
  options: Parameters<typeof followCheckout>[0],
): Promise<number> {
  const until = new AbortController();
  let signal: StopSignal | null = null;
  const release = world.onSignal((got) => {
    signal ??= got;
    until.abort();
  });
  try {
    if (!json) output.info(dim("Following; Ctrl-C ends it."));
    await followCheckout(options, {
      until: until.signal,
      onCheckout: (answer) =>
        output.print(
          ...(json
            ? [printableJsonLine(reportOf(places.space, options.to, answer))]
            : linesOf(options.to, answer)),
        ),
      onError: (error) => output.info([yellow("not now"), ` · ${terminalText(causeOf(error))}`]),
    });
    return signal === null ? EXIT.ok : exitCodeOfSignal(signal);
  } finally {
    release();
  }
}

function reportOf(space: string, folder: string, { kind, generation, files, edited, foreign }: Checkout) {
  return { space, folder, outcome: kind, generation, files, edited: edited?.id ?? null, foreign };
}

const SENTENCES: Readonly<Record<Checkout["kind"], string>> = {
  current: "holds the memory already",
  brought: "was brought to the memory",
  running: "was changed by hand; a run has the space, and your changes are taken in after it",
  editing: "is being changed by hand",
  nothing: "is not made: the space has no memory yet",
};

function linesOf(folder: string, { kind, generation, files, edited, foreign }: Checkout): readonly Line[] {
  const lines: Line[] = [[green(kind), " · ", bold(folder), ` ${SENTENCES[kind]}`]];
  if (generation !== null) lines.push([dim("  generation  "), generation]);
  if (kind === "brought") lines.push([dim("  changed     "), changedFiles(files)]);
  if (edited !== null) lines.push([dim("  your edits  "), `taken in as generation ${edited.id}`]);
  if (foreign.length > 0)
    lines.push([dim("  left alone  "), `${foreign.length} things that are no part of a memory`]);
  return lines;
}
