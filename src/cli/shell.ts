import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { RunResult } from "../domain/event.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { checkSpaceKey } from "../domain/settings.ts";
import { type CodexHome, readCodexHome } from "../internal/codex-home.ts";
import type { Output } from "./ui/output.ts";
import { dim } from "./ui/text.ts";
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
    .option(
      "--store <url>",
      "keep everything in this PostgreSQL database, not in the home (SLOWWAVE_STORE, or `store` in the config file: others see what a command line says)",
    )
    .option("--json", "exactly one JSON document on stdout");
}

const CHECK_OUT = "lay the memory out with `slowwave checkout`";

export function invocation(shell: Shell, command: Command): Invocation {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const onWait = (message: string) => shell.output.info(dim(message));
  const places = { ...placesOf(flags, shell.world), onWait };
  if (places.store !== null) refuseWithStore(command);
  return { ...shell, places, json: flags.json === true };
}

/** What works on a home of this machine alone, and what serves its purpose where a database keeps everything. */
const OF_A_HOME: Readonly<Record<string, string>> = {
  backup: "copy the database with PostgreSQL's own `pg_dump`",
  restore: "PostgreSQL's own `pg_restore` puts a copy back",
  connect: CHECK_OUT,
  disconnect: CHECK_OUT,
  connections: CHECK_OUT,
  setup: CHECK_OUT,
  recall: CHECK_OUT,
  memory: CHECK_OUT,
  blame: CHECK_OUT,
  mcp: CHECK_OUT,
  schedule: "`slowwave worker` works on what is due",
};

function refuseWithStore(command: Command): void {
  let top = command;
  while (top.parent?.parent) top = top.parent;
  const instead = Object.hasOwn(OF_A_HOME, top.name()) ? OF_A_HOME[top.name()] : undefined;
  if (instead === undefined) return;
  throw new SlowwaveError(
    "store_remote",
    `\`slowwave ${top.name()}\` works on a home of this machine, and everything is in a database: ${instead}.`,
  );
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

/** Reads what an option that takes a whole number of at least one was given. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
    throw new SlowwaveError("invalid_usage", `${flag} needs a whole number of at least 1, not "${text}".`);
  };
}

export const EXIT = { ok: 0, failed: 1, usage: 2, skipped: 3, refused: 4, budget: 5 } as const;

/** The exit code of a run that came to an end (contract, section 3); signals have codes of their own. */
export function exitCodeOf(
  { outcome, status }: Pick<RunResult, "outcome" | "status">,
  { strict }: { readonly strict: boolean },
): number {
  if (outcome === "succeeded") return EXIT.ok;
  if (outcome === "skipped") return strict ? EXIT.skipped : EXIT.ok;
  if (status === "failed_invalid_artifacts") return EXIT.refused;
  return status === "failed_budget" ? EXIT.budget : EXIT.failed;
}

/** Flags every command knows. */
interface PlaceFlags {
  readonly home?: string;
  readonly space?: string;
  readonly memoryRoot?: string;
  readonly codexHome?: string;
  readonly store?: string;
}

export interface Places {
  /** Absolute. */
  readonly home: string;
  readonly database: string;
  readonly space: string;
  /** Null: where the home keeps it. */
  readonly memoryRoot: string | null;
  /** The Codex home whose memory is consolidated in Codex's place; null for a memory of our own. */
  readonly codex: CodexHome | null;
  readonly configFile: string;
  /** Address of the database that keeps everything; may hold a password. Null: the home's own file. */
  readonly store: string | null;
  /** Called while a database is waited for, so that nobody looks at a silent terminal. */
  readonly onWait?: (message: string) => void;
}

/** Flags, then the environment, then the platform's folders (relative XDG folders are ignored, as XDG asks). */
export function placesOf(flags: PlaceFlags, { env, cwd }: Pick<World, "env" | "cwd">): Places {
  const user = given(env.HOME) ?? homedir();
  const state = absolute(env.XDG_STATE_HOME) ?? join(user, ".local", "state");
  const config = absolute(env.XDG_CONFIG_HOME) ?? join(user, ".config");
  const home = resolve(
    cwd,
    wanted("--home", flags.home) ?? given(env.SLOWWAVE_HOME) ?? join(state, "slowwave"),
  );
  const root = wanted("--memory-root", flags.memoryRoot) ?? given(env.SLOWWAVE_MEMORY_ROOT);
  const configFile = join(config, "slowwave", "config.json");
  const named = wanted("--codex-home", flags.codexHome) ?? given(env.SLOWWAVE_CODEX_HOME);
  const served = codexHomeOf(home);
  const codexHome = named === undefined ? served : resolve(cwd, named);
  if (codexHome !== null) {
    const codex = readCodexHome(codexHome, env);
    refuseWithCodex({
      "--space": flags.space,
      "--memory-root": flags.memoryRoot,
      "--store": storeOf(flags, env, configFile) ?? undefined,
    });
    if (served !== null && served !== codex.folder) throw servesAnother(home, served);
    const isChosen = flags.home !== undefined || given(env.SLOWWAVE_HOME) !== undefined;
    const own = isChosen ? home : `${home}-codex-${shortHash(codex.folder)}`;
    return {
      home: own,
      database: join(own, "slowwave.db"),
      space: "global",
      memoryRoot: codex.root,
      codex,
      configFile,
      store: null,
    };
  }
  return {
    home,
    database: join(home, "slowwave.db"),
    space: checkedSpace(flags.space ?? given(env.SLOWWAVE_SPACE) ?? "global"),
    memoryRoot: root === undefined ? null : resolve(cwd, root),
    codex: null,
    configFile,
    store: storeOf(flags, env, configFile),
  };
}

/** Flag, environment, config file. A file that can't be read is refused by whoever reads its settings. */
function storeOf(flags: PlaceFlags, env: World["env"], configFile: string): string | null {
  if (flags.store === "")
    throw new SlowwaveError("invalid_usage", "--store needs the address of a database.");
  const chosen = flags.store ?? given(env.SLOWWAVE_STORE);
  if (chosen !== undefined) return chosen;
  try {
    const { store } = JSON.parse(readFileSync(configFile, "utf8")) as { store?: unknown };
    return typeof store === "string" && store !== "" ? store : null;
  } catch {
    return null;
  }
}

/** In a home that serves a Codex home: the file that names it, so that whatever is started with that home finds it. */
export const CODEX_HOME_FILE = "codex-home";

function codexHomeOf(home: string): string | null {
  try {
    return readFileSync(join(home, CODEX_HOME_FILE), "utf8").trim();
  } catch {
    return null;
  }
}

function servesAnother(home: string, served: string): SlowwaveError {
  return new SlowwaveError(
    "codex_home_other",
    `The home ${home} serves the Codex home ${served}; choose another with --home.`,
  );
}

/** A Codex home has one memory, in the place where Codex reads it. */
function refuseWithCodex(flags: Readonly<Record<string, string | undefined>>): void {
  for (const [flag, value] of Object.entries(flags)) {
    if (value !== undefined) {
      throw new SlowwaveError(
        "invalid_usage",
        `${flag} can't be given with --codex-home: a Codex home has one memory, where Codex reads it.`,
      );
    }
  }
}

/** Runs and generations of each Codex home are kept apart, beside the home for everything else. */
function shortHash(folder: string): string {
  return createHash("sha256").update(folder).digest("hex").slice(0, 8);
}

function checkedSpace(space: string): string {
  checkSpaceKey(space);
  return space;
}

function wanted(flag: string, value: string | undefined): string | undefined {
  if (value === "") throw new SlowwaveError("invalid_usage", `${flag} needs a folder.`);
  if (value?.includes("\0") === true) {
    throw new SlowwaveError("invalid_usage", `${flag} needs a folder, and no name of one has a NUL in it.`);
  }
  return value;
}

/** An empty variable counts as unset. */
function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function absolute(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}
