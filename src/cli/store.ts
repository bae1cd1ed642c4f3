import { existsSync, mkdirSync } from "node:fs";
import { SlowwaveError } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import { openSqliteStore } from "../internal/store.ts";
import type { Output } from "./output.ts";
import { dim } from "./paint.ts";
import type { Places } from "./places.ts";

/** The store of the home; a home that is not there yet is made, for its owner alone, and named. */
export async function openStore({ home, database }: Places, output: Output): Promise<Store> {
  try {
    if (mkdirSync(home, { recursive: true, mode: 0o700 }) !== undefined)
      output.say(dim(`Made the home ${home}`));
  } catch (error) {
    throw new SlowwaveError(
      "home_unavailable",
      `The home ${home} cannot be made; choose another with --home or SLOWWAVE_HOME.`,
      { cause: error },
    );
  }
  return openSqliteStore({ path: database });
}

/** For commands that only look: null where nothing was ever kept, and nothing is made. */
export async function openExistingStore({ database }: Places): Promise<Store | null> {
  return existsSync(database) ? openSqliteStore({ path: database }) : null;
}
