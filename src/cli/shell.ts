import { type Command, Option } from "commander";
import { SlowwaveError } from "../domain/failure.ts";
import { type PlaceFlags, type Places, placesOf } from "./places.ts";
import type { Output } from "./ui/output.ts";
import type { World } from "./world.ts";

/** What every command is given. */
export interface Shell {
  readonly world: World;
  readonly output: Output;
}

/** A command as one invocation of it: where it works, and how it answers. */
export interface Invocation extends Shell {
  readonly places: Places;
  readonly json: boolean;
}

type GlobalFlags = PlaceFlags & { readonly json?: boolean };

/** Declared once on the program; commander accepts them before and after the command's name. */
export function withGlobalFlags(program: Command): Command {
  return program
    .option("--home <dir>", "state folder (SLOWWAVE_HOME; default: the platform's)")
    .option("--space <key>", "which memory (SLOWWAVE_SPACE; default: global)")
    .option("--memory-root <dir>", "where the space's memory is kept (default: in the home)")
    .option(
      "--codex-home <dir>",
      "work on the memory of a Codex home, in Codex's place (SLOWWAVE_CODEX_HOME)",
    )
    .option("--json", "exactly one JSON document on stdout");
}

export function invocation(shell: Shell, command: Command): Invocation {
  const flags = command.optsWithGlobals<GlobalFlags>();
  return { ...shell, places: placesOf(flags, shell.world), json: flags.json === true };
}

/** Text at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return ["", "Examples:", ...lines.map((line) => `  $ ${line}`)].join("\n");
}

/** An option that takes a whole number of at least one. */
export function countOption(flags: string, description: string, fallback: number): Option {
  return new Option(flags, description).default(fallback).argParser((text) => {
    if (!/^[1-9]\d{0,6}$/.test(text)) {
      throw new SlowwaveError("invalid_usage", `${flags} needs a whole number of at least 1.`);
    }
    return Number(text);
  });
}
