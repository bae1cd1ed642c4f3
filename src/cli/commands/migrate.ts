import type { Command } from "commander";
import { EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openStore, storeName } from "../store.ts";
import { bold } from "../ui/text.ts";

export function addMigrate(
  program: Command,
  shell: Shell,
  end: (code: Promise<number>) => Promise<void>,
): void {
  program
    .command("migrate")
    .summary("bring the tables to this version")
    .description(
      "Makes the tables, or brings them to this version. A worker does that by itself when it starts; here it is done before, " +
        "by a role that may. The version before works on beside it, so that workers can be replaced one after the other.",
    )
    .addHelpText("after", examples("SLOWWAVE_STORE=postgres://admin@db.example/memory slowwave migrate"))
    .action((_: object, command: Command) => end(migrate(invocation(shell, command))));
}

async function migrate({ places, output, json }: Invocation): Promise<number> {
  await (await openStore(places, output)).close();
  const store = storeName(places);
  if (json) output.printJson({ store });
  else output.print([bold("ready"), ` · ${store} has the tables of this version`]);
  return EXIT.ok;
}
