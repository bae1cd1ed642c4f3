import { Command, CommanderError } from "commander";
import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";
import { EXIT, examples, type Shell, withGlobalFlags } from "./shell.ts";
import { createOutput, type Output } from "./ui/output.ts";
import { red } from "./ui/text.ts";
import { packageVersion } from "./version.ts";
import { processWorld, type World } from "./world.ts";

/** The command line, in whatever world it is run; resolves to the exit code and never rejects. */
export async function main(world: World): Promise<number> {
  const output = createOutput(world);
  try {
    return await runProgram({ world, output });
  } catch (error) {
    return failed(error, output, outputMode(world));
  }
}

/** Asked of the arguments themselves, since they may be what is wrong. */
function outputMode({ argv, env }: World): { readonly json: boolean; readonly debug: boolean } {
  const end = argv.indexOf("--");
  const json = argv.slice(0, end === -1 ? argv.length : end).includes("--json");
  return { json, debug: env.SLOWWAVE_DEBUG === "1" };
}

/** What `bin/slowwave.js` calls. Everything is closed by now; nothing that lingers may keep the process. */
export async function enter(): Promise<void> {
  const world = processWorld();
  process.on("uncaughtException", (error) => {
    // A broken program must not leave an agent behind: it ends with this process.
    process.exit(failed(error, createOutput(world), outputMode(world)));
  });
  const code = await main(world);
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
  );
  process.exit(code);
}

/** How a command that ended before there was a result says so; returns the exit code. */
export function failed(
  error: unknown,
  output: Output,
  { json, debug }: { readonly json: boolean; readonly debug: boolean },
): number {
  output.finishDrawing("clear");
  const { code, message, cause } = describeError(error);
  if (json) output.printJson({ error: { code, message, cause } });
  else
    output.info(
      [red("error"), ` ${message}`],
      ...(cause === null ? [] : [`  cause: ${cause}`]),
      `  code: ${code}`,
    );
  if (debug && error instanceof Error) output.info(...(error.stack ?? "").split("\n"));
  return isForTheCaller(error, code) ? EXIT.usage : EXIT.failed;
}

/** These come in the middle of work, not from how it was asked for. */
const ENDED_UNDER_WAY: ReadonlySet<string> = new Set(["engine_closed", "store_closed"]);

/** Wrong use, configuration, input or home, and not a broken program. */
function isForTheCaller(error: unknown, code: string): boolean {
  return (error instanceof SlowwaveError && !ENDED_UNDER_WAY.has(code)) || Object.hasOwn(SYSTEM_ERRORS, code);
}

function describeError(error: unknown): { code: string; message: string; cause: string | null } {
  if (error instanceof SlowwaveError) {
    return {
      code: error.code,
      message: error.message,
      cause: error.cause === undefined ? null : causeOf(error.cause),
    };
  }
  const code = codeOf(error) ?? "unexpected";
  return {
    code,
    message:
      (Object.hasOwn(SYSTEM_ERRORS, code) ? SYSTEM_ERRORS[code] : undefined) ??
      "Something went wrong that should not have; SLOWWAVE_DEBUG=1 shows where, and a report of that helps.",
    cause: causeOf(error),
  };
}

/** Refusals of the operating system that a person can act on, wherever they come from; the cause names the path. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full; free some space and try again, nothing was changed half.",
  EDQUOT: "Your quota on this disk is used up; free some space and try again.",
  EROFS: "The disk can only be read; choose a folder on another one, with --home or --memory-root.",
  EACCES: "A file or folder may not be read or written; check its owner and permissions.",
  EPERM: "A file or folder may not be changed; check its owner and permissions.",
  ENAMETOOLONG: "A path is longer than this system allows; choose a shorter --home or --memory-root.",
  ENOTDIR: "A part of a path is a file where a folder is needed; check --home and --memory-root.",
  ELOOP: "A path goes in circles through its links; check --home and --memory-root.",
  EMFILE: "This process may open no more files; raise the limit (`ulimit -n`) and try again.",
  EIO: "The disk gave an error; check it (`slowwave doctor` looks at the store).",
};

type AddCommand = (program: Command, shell: Shell, end: (code: Promise<number>) => Promise<void>) => void;

/** Every command in the order of `--help`. A command's file is loaded when its name stands among the arguments. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import("./commands/run.ts")).addRun,
  import: async () => (await import("./commands/import.ts")).addImport,
  learn: async () => (await import("./commands/learn.ts")).addLearn,
  sources: async () => (await import("./commands/sessions.ts")).addSources,
  sessions: async () => (await import("./commands/sessions.ts")).addSessions,
  exclude: async () => (await import("./commands/sessions.ts")).addExclude,
  status: async () => (await import("./commands/status.ts")).addStatus,
  runs: async () => (await import("./commands/runs.ts")).addRuns,
  cancel: async () => (await import("./commands/cancel.ts")).addCancel,
  diff: async () => (await import("./commands/diff.ts")).addDiff,
  rollback: async () => (await import("./commands/rollback.ts")).addRollback,
  checkout: async () => (await import("./commands/checkout.ts")).addCheckout,
  apply: async () => (await import("./commands/apply.ts")).addApply,
  purge: async () => (await import("./commands/purge.ts")).addPurge,
  backup: async () => (await import("./commands/backup.ts")).addBackup,
  restore: async () => (await import("./commands/backup.ts")).addRestore,
  recover: async () => (await import("./commands/recover.ts")).addRecover,
  agents: async () => (await import("./commands/agents.ts")).addAgents,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctor,
  watch: async () => (await import("./commands/watch.ts")).addWatch,
  worker: async () => (await import("./commands/worker.ts")).addWorker,
  fleet: async () => (await import("./commands/fleet.ts")).addFleet,
  migrate: async () => (await import("./commands/migrate.ts")).addMigrate,
  serve: async () => (await import("./commands/serve.ts")).addServe,
  machine: async () => (await import("./commands/machine.ts")).addMachine,
  blame: async () => (await import("./commands/blame.ts")).addBlame,
  setup: async () => (await import("./commands/setup.ts")).addSetup,
  connect: async () => (await import("./commands/connect.ts")).addConnect,
  disconnect: async () => (await import("./commands/connect.ts")).addDisconnect,
  connections: async () => (await import("./commands/connect.ts")).addConnections,
  hook: async () => (await import("./commands/hook.ts")).addHook,
  mcp: async () => (await import("./commands/mcp.ts")).addMcp,
  schedule: async () => (await import("./commands/schedule.ts")).addSchedule,
  recall: async () => (await import("./commands/recall.ts")).addRecall,
  memory: async () => (await import("./commands/memory.ts")).addMemory,
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
async function runProgram(shell: Shell): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = withGlobalFlags(new Command("slowwave"))
    .description("Turns what many coding-agent sessions learned into one lasting memory.")
    .version(packageVersion(), "--version")
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
    if (error instanceof CommanderError) return usage(error, shell.world.argv);
    throw error;
  }
}

/** Commander throws for `--help` and `--version` too. */
function usage({ exitCode, message, code }: CommanderError, argv: readonly string[]): number {
  if (exitCode === 0) return EXIT.ok;
  // It would rather have shown the help of a command that is nothing without one of its own.
  if (code === "commander.help") {
    const named = `slowwave ${argv[0]}`;
    throw new SlowwaveError("invalid_usage", `\`${named}\` needs a command; see \`${named} --help\`.`);
  }
  const sentence = message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
  throw new SlowwaveError(
    "invalid_usage",
    `${sentence[0]?.toUpperCase()}${sentence.slice(1)}; see \`slowwave --help\`.`,
  );
}

function every(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(every)];
}
