import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";
import { EXIT } from "./exit-code.ts";
import { runProgram } from "./program.ts";
import { createOutput, type Output } from "./ui/output.ts";
import { red } from "./ui/paint.ts";
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
