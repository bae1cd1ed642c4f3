import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { SlowwaveError } from "../domain/failure.ts";
import { addAgents } from "./commands/agents.ts";
import { addApply } from "./commands/apply.ts";
import { addCancel } from "./commands/cancel.ts";
import { addDiff } from "./commands/diff.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addImport } from "./commands/import.ts";
import { addMachine } from "./commands/machine.ts";
import { addPurge } from "./commands/purge.ts";
import { addRecover } from "./commands/recover.ts";
import { addRollback } from "./commands/rollback.ts";
import { addRun } from "./commands/run.ts";
import { addRuns } from "./commands/runs.ts";
import { addServe } from "./commands/serve.ts";
import { addStatus } from "./commands/status.ts";
import { addWatch } from "./commands/watch.ts";
import { EXIT } from "./exit-code.ts";
import { examples, type Shell, withGlobalFlags } from "./shell.ts";

const COMMANDS = [
  addRun,
  addImport,
  addStatus,
  addRuns,
  addCancel,
  addDiff,
  addRollback,
  addApply,
  addPurge,
  addRecover,
  addAgents,
  addDoctor,
  addWatch,
  addServe,
  addMachine,
];

/** Parses the arguments and does what they ask; resolves to the exit code, rejects with what went wrong. */
export async function perform(shell: Shell): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = withGlobalFlags(new Command("slowwave"))
    .description("Turns what many coding-agent sessions learned into one lasting memory.")
    .version(version(), "--version")
    .addHelpText("after", examples("slowwave import notes.jsonl", "slowwave run", "slowwave status"))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => shell.output.printText(text.trimEnd()),
      // Told again, once, from the error that is thrown.
      writeErr: () => {},
    })
    .exitOverride();
  const end = async (code: Promise<number>) => {
    exitCode = await code;
  };
  for (const add of COMMANDS) add(program, shell, end);
  for (const command of every(program)) command.exitOverride().configureHelp({ showGlobalOptions: true });
  try {
    if (shell.world.argv.length === 0) program.outputHelp();
    else await program.parseAsync(shell.world.argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return usage(error);
    throw error;
  }
}

/** Commander throws for `--help` and `--version` too. */
function usage({ exitCode, message }: CommanderError): number {
  if (exitCode === 0) return EXIT.ok;
  const said = message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  throw new SlowwaveError(
    "invalid_usage",
    `${said[0]?.toUpperCase()}${said.slice(1)}; see \`slowwave --help\`.`,
  );
}

function every(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(every)];
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
