import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { SlowwaveError } from "../../domain/failure.ts";
import { systemClock } from "../../internal/engine.ts";
import {
  adoptHomeId,
  backupDatabase,
  createHome,
  refuseForeignHome,
  restoreDatabase,
} from "../../internal/store.ts";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { bold, dim } from "../ui/text.ts";

type End = (code: Promise<number>) => Promise<void>;

export function addBackup(program: Command, shell: Shell, end: End): void {
  program
    .command("backup")
    .argument("<file>", "where the copy goes; must not be there yet")
    .summary("copy the home's database, in use or not")
    .description(
      "Writes a consistent copy of everything the home keeps: notes, jobs, runs, and every generation of every memory. " +
        "Runs may go on meanwhile. What you changed in a memory folder since its last run is not in it yet.",
    )
    .addHelpText("after", examples("slowwave backup ~/slowwave-backup.db"))
    .action((file: string, _: object, command: Command) => end(backup(invocation(shell, command), file)));
}

export function addRestore(program: Command, shell: Shell, end: End): void {
  program
    .command("restore")
    .argument("<file>", "a file that `slowwave backup` wrote")
    .summary("put a backup in the place of the home's database")
    .description(
      "Replaces the home's database by a backup. Refused while a process works with the home. What was there is kept beside " +
        "it; memory folders stay as they are, and `slowwave rollback current` lays the restored memory out.",
    )
    .addHelpText("after", examples("slowwave restore ~/slowwave-backup.db"))
    .action((file: string, _: object, command: Command) => end(restore(invocation(shell, command), file)));
}

async function backup({ places, output, json, world }: Invocation, name: string): Promise<number> {
  const { home, database } = places;
  const file = resolve(world.cwd, name);
  if (!existsSync(database)) {
    throw new SlowwaveError(
      "nothing_to_back_up",
      `The home ${home} keeps nothing yet; import notes first, or choose another with --home.`,
    );
  }
  const homeId = await createHome(home).prepare();
  const { bytes } = await backupDatabase({ database, file, homeId, nowMs: systemClock.nowMs() });
  if (json) output.printJson({ file, bytes });
  else output.print([bold(file), ` holds the home as it is now (${(bytes / 1e6).toFixed(1)} MB)`]);
  return EXIT.ok;
}

async function restore({ places, output, json, world }: Invocation, name: string): Promise<number> {
  const { home, database } = places;
  const file = resolve(world.cwd, name);
  await refuseForeignHome(home);
  // The home is made where there is none, before anything is put into it.
  const isNew = !existsSync(home);
  const time = new Date(systemClock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, "");
  const keptAs = `slowwave.db.before-restore-${time}`;
  const { kept, homeId } = await restoreDatabase({ file, database, keptAs });
  if (isNew && homeId !== null) await adoptHomeId(home, homeId);
  if (json) {
    output.printJson({ restored: file, kept });
    return EXIT.ok;
  }
  output.print([bold("restored"), ` ${file}`]);
  if (kept !== null) output.print(dim(`what was there is kept as ${kept}`));
  output.print("`slowwave status` says where it stands; `slowwave rollback current` lays its memory out.");
  return EXIT.ok;
}
