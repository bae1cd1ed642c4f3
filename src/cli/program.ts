import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { SlowwaveError } from "../domain/failure.ts";
import { EXIT } from "./exit-code.ts";
import { examples, type Shell, withGlobalFlags } from "./shell.ts";

type AddCommand = (program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>) => void;

/** Every command in the order of `--help`. A command's file is loaded when its name stands among the arguments. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import("./commands/run.ts")).addRun,
  import: async () => (await import("./commands/import.ts")).addImport,
  status: async () => (await import("./commands/status.ts")).addStatus,
  runs: async () => (await import("./commands/runs.ts")).addRuns,
  cancel: async () => (await import("./commands/cancel.ts")).addCancel,
  diff: async () => (await import("./commands/diff.ts")).addDiff,
  rollback: async () => (await import("./commands/rollback.ts")).addRollback,
  apply: async () => (await import("./commands/apply.ts")).addApply,
  purge: async () => (await import("./commands/purge.ts")).addPurge,
  backup: async () => (await import("./commands/backup.ts")).addBackup,
  restore: async () => (await import("./commands/backup.ts")).addRestore,
  recover: async () => (await import("./commands/recover.ts")).addRecover,
  agents: async () => (await import("./commands/agents.ts")).addAgents,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctor,
  watch: async () => (await import("./commands/watch.ts")).addWatch,
  serve: async () => (await import("./commands/serve.ts")).addServe,
  machine: async () => (await import("./commands/machine.ts")).addMachine,
  blame: async () => (await import("./commands/blame.ts")).addBlame,
  eval: async () => (await import("./commands/eval.ts")).addEval,
};

/**
 * The commands that these arguments may mean: each one that is named anywhere, since a flag's value can look like a
 * command; all of them where none is named, for the help and for the sentence that refuses an unknown one.
 */
async function commandsFor(argv: readonly string[]): Promise<readonly AddCommand[]> {
  const named = Object.keys(COMMANDS).filter((name) => argv.includes(name));
  if (named.length > 0 && !argv.includes("help")) return load(named);
  if (argv.length === 1 && argv[0] === "--version") return [];
  return load(Object.keys(COMMANDS));
}

function load(names: readonly string[]): Promise<readonly AddCommand[]> {
  return Promise.all(
    Object.entries(COMMANDS).flatMap(([name, loadCommand]) => (names.includes(name) ? [loadCommand()] : [])),
  );
}

/** Parses the arguments and does what they ask; resolves to the exit code, rejects with what went wrong. */
export async function runProgram(shell: Shell): Promise<number> {
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
  for (const add of await commandsFor(shell.world.argv)) add(program, shell, end);
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
  const sentence = message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  throw new SlowwaveError(
    "invalid_usage",
    `${sentence[0]?.toUpperCase()}${sentence.slice(1)}; see \`slowwave --help\`.`,
  );
}

function every(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(every)];
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
