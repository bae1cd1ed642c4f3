import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";
import { checkSpaceKey } from "../domain/space.ts";
import type { World } from "./world.ts";

/** Flags every command knows. */
export interface PlaceFlags {
  readonly home?: string;
  readonly space?: string;
  readonly memoryRoot?: string;
}

export interface Places {
  /** Absolute. */
  readonly home: string;
  readonly database: string;
  readonly space: string;
  /** Null: where the home keeps it. */
  readonly memoryRoot: string | null;
  readonly configFile: string;
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
  return {
    home,
    database: join(home, "slowwave.db"),
    space: checkedSpace(flags.space ?? given(env.SLOWWAVE_SPACE) ?? "global"),
    memoryRoot: root === undefined ? null : resolve(cwd, root),
    configFile: join(config, "slowwave", "config.json"),
  };
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
