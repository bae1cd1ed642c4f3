import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";
import { EXIT } from "./exit-code.ts";
import type { Output } from "./ui/output.ts";
import { red } from "./ui/paint.ts";

/** How a command that ended before there was a result says so; returns the exit code. */
export function failed(
  error: unknown,
  output: Output,
  { json, debug }: { readonly json: boolean; readonly debug: boolean },
): number {
  output.settle("clear");
  const { code, message, cause } = told(error);
  if (json) output.printJson({ error: { code, message, cause } });
  else
    output.say(
      [red("error"), ` ${message}`],
      ...(cause === null ? [] : [`  cause: ${cause}`]),
      `  code: ${code}`,
    );
  if (debug && error instanceof Error) output.say(...(error.stack ?? "").split("\n"));
  return isOurs(error) && !ENDED_UNDER_WAY.has(code) ? EXIT.usage : EXIT.failed;
}

/** These come in the middle of work, not from how it was asked for. */
const ENDED_UNDER_WAY: ReadonlySet<string> = new Set(["engine_closed", "store_closed"]);

function isOurs(error: unknown): boolean {
  return error instanceof SlowwaveError;
}

function told(error: unknown): { code: string; message: string; cause: string | null } {
  if (error instanceof SlowwaveError) {
    return {
      code: error.code,
      message: error.message,
      cause: error.cause === undefined ? null : causeOf(error.cause),
    };
  }
  return {
    code: codeOf(error) ?? "unexpected",
    message:
      "Something went wrong that should not have; SLOWWAVE_DEBUG=1 shows where, and a report of that helps.",
    cause: causeOf(error),
  };
}
