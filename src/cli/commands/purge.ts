import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { noteName } from "../../domain/memory.ts";
import type { Store } from "../../domain/ports.ts";
import { NOTES_FOLDER } from "../../internal/codex-home.ts";
import type { PurgedSpaces } from "../../internal/engine.ts";
import { withControls } from "../maintenance.ts";
import { examples, type Invocation, invocation, type Places, type Shell } from "../shell.ts";
import { bold, counted, dim, green, type Line, printable, yellow } from "../ui/text.ts";
import { firstLine } from "../world.ts";

interface PurgeFlags {
  readonly yes?: boolean;
  readonly setAside?: boolean;
}

export function addPurge(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("purge")
    .argument("[thread]", "the thread's id, as it was imported")
    .summary("remove a thread, id and text, from everything in the home")
    .description(
      "Removes a thread for good: its stage-1 output, recorded inputs, summary, its part of raw_memories.md and " +
        "MEMORY.md, what agents said of it, also worded anew, refused work, drafts, and all of these in every kept generation. " +
        "Lines that may come from it or from elsewhere are listed. It stays forgotten: a later import of it is refused until " +
        "`import --remember ID` lifts that. Asks first; there is no way back. Killed half way, it can be repeated.",
    )
    .option("--yes", "don't ask")
    .option(
      "--set-aside",
      "remove the stored sessions of the space that no run can use instead; `doctor` names them",
    )
    .addHelpText(
      "after",
      examples(
        "slowwave purge 5f0c1e9a-…",
        "slowwave purge 5f0c1e9a-… --yes --json",
        "slowwave purge --set-aside --space my-project",
      ),
    )
    .action((thread: string | undefined, options: PurgeFlags, command: Command) => {
      const at = invocation(shell, command);
      if ((thread === undefined) !== (options.setAside === true)) {
        throw new SlowwaveError("invalid_usage", "Name one thread to purge, or give --set-aside instead.");
      }
      return end(
        thread === undefined ? removeSetAside(at) : purgeThread(at, { thread, yes: options.yes === true }),
      );
    });
}

/** An import takes ids of 200 characters; a row of another program may be longer, and must be removable too. */
const LONGEST_ID = 1_000;

/** `slowwave purge`; returns the exit code. */
export async function purgeThread(
  at: Invocation,
  { thread, yes }: { readonly thread: string; readonly yes: boolean },
): Promise<number> {
  const { places, output, json } = at;
  if (thread.trim() === "" || thread.length > LONGEST_ID) {
    throw new SlowwaveError("invalid_usage", "A thread's id has 1 to 200 characters; say which to purge.");
  }
  return withControls(at, async (controls, store) => {
    const known = await controls.spacesOf(thread);
    // One that was killed after it forgot the rows has left nothing but free pages, unless files were put back.
    const spaces = known.length > 0 ? known : await spacesWithMemory(store, places.space);
    if (!yes) await confirm(at, thread, known);
    const answer = await controls.purge({ threadId: thread, spaces });
    if (answer.kind === "running") return { running: answer.space };
    // The id is not to come in through another space either.
    await store.memories.refuse(thread, null);
    if (json) output.printJson({ thread, outcome: "succeeded", spaces: answer.spaces });
    else output.print(...reportLines(thread, answer), ...noteLines(thread, places));
    return null;
  });
}

/** `slowwave purge --set-aside`: rows that no run can use are in no memory, so nothing else holds anything of them. */
async function removeSetAside(at: Invocation): Promise<number> {
  const { places, output, json } = at;
  return withControls(at, async (_, store) => {
    const removed = await store.memories.removeSetAside(places.space);
    await store.compact();
    if (json) output.printJson({ space: places.space, outcome: "succeeded", removed });
    else output.print(`${counted(removed, "stored session")} removed that no run could use`);
    return null;
  });
}

async function spacesWithMemory(store: Store, space: string): Promise<readonly string[]> {
  return (await store.generations.current(space)) === null ? [] : [space];
}

async function confirm(
  { output, json, world }: Invocation,
  thread: string,
  spaces: readonly string[],
): Promise<void> {
  const refused = new SlowwaveError(
    "not_confirmed",
    "Nothing was removed: a purge can't be undone, so it wants the word yes, or --yes.",
  );
  if (json) throw refused;
  output.info(
    [
      yellow("purge"),
      " removes ",
      bold(thread),
      " for good, from ",
      where(spaces),
      " and every kept generation.",
    ],
    "It cannot be undone. Type yes to go on:",
  );
  const answer = await firstLine(world.stdin);
  if (answer.trim().toLowerCase() !== "yes") throw refused;
}

function where(spaces: readonly string[]): string {
  if (spaces.length === 0)
    return "whatever was made of it (no input of that id is kept here: is the id right?)";
  return spaces.length === 1 ? `the space ${spaces[0]}` : `${spaces.length} spaces`;
}

/** The file of a note is a person's: it is neither changed nor removed. */
function noteLines(thread: string, { codex }: Places): readonly Line[] {
  const name = noteName(thread);
  if (codex === null || name === null) return [];
  const path = join(codex.root, ...NOTES_FOLDER, `${name}.md`);
  if (name.includes("/") || !existsSync(path)) return [];
  return [
    [
      yellow("  look at     "),
      `${printable(path)}: the note's own file is yours and stays; Slowwave reads it no more, Codex does`,
    ],
  ];
}

function foundNothing(one: PurgedSpaces["spaces"][number]): boolean {
  const counts = [one.inputs, one.rewritten.length, one.drafts, one.folders, one.logged];
  return one.generation === null && counts.every((count) => count === 0);
}

function reportLines(thread: string, { spaces }: PurgedSpaces): readonly Line[] {
  if (spaces.every(foundNothing)) {
    return [
      [
        yellow("nothing found"),
        ` · no trace of ${thread} is in this home; if that is not the id, \`slowwave purge ID\` takes another`,
      ],
    ];
  }
  return [
    ...spaces.flatMap((one): readonly Line[] => [
      [dim("  space       "), bold(one.space)],
      [dim("  inputs      "), `${one.inputs} removed`],
      [
        dim("  memory      "),
        one.generation === null ? "held nothing of it" : `now generation ${one.generation}`,
      ],
      [dim("  generations "), `${one.rewritten.length} rewritten`],
      [
        dim("  besides     "),
        `${counted(one.drafts, "dry run")}, ${counted(one.folders, "folder")} of refused work, ${counted(one.logged, "log entry", "log entries")}`,
      ],
      ...one.undecided.map(
        (place): Line => [
          yellow("  look at     "),
          `${printable(place)}: it may come from the thread, or from elsewhere; it was left as it is`,
        ],
      ),
    ]),
    [green("succeeded"), " · purged, and the store compacted; `slowwave run` writes the memory anew"],
  ];
}
