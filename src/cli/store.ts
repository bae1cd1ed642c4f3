import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import type { RunRecord } from "../domain/run.ts";
import { nodeFiles } from "../internal/files.ts";
import { createHome, defaultRoot, openSqliteStore, refuseForeignHome } from "../internal/store.ts";
import { CODEX_HOME_FILE, type Places } from "./shell.ts";
import type { Output } from "./ui/output.ts";
import { dim } from "./ui/text.ts";

/** The store of the home; a home that is not there yet is made, for its owner alone, and named. */
export async function openStore(places: Places, output: Output): Promise<LocalStore> {
  const { home } = places;
  await refuseForeignHome(home);
  try {
    if (mkdirSync(home, { recursive: true, mode: 0o700 }) !== undefined)
      output.info(dim(`Made the home ${home}`));
  } catch (error) {
    throw new SlowwaveError(
      "home_unavailable",
      `The home ${home} cannot be made; choose another with --home or SLOWWAVE_HOME.`,
      { cause: error },
    );
  }
  if (places.codex !== null) {
    writeFileSync(join(home, CODEX_HOME_FILE), `${places.codex.folder}\n`);
    // Marked as ours, it may hold what Codex keeps beside the memory.
    const { markCodexRoot } = await import("../internal/codex-store.ts");
    await markCodexRoot(places.codex.root, { home: await createHome(home).prepare(), space: places.space });
  }
  return storeOf(places);
}

/** For commands that only look: null where nothing was ever kept, and nothing is made. */
export async function openExistingStore(places: Places): Promise<LocalStore | null> {
  return (await hasStore(places)) ? storeOf(places) : null;
}

/** A server that can't be reached is asked again for a minute: after so long a person is told why nothing happens. */
const NOTICE_AFTER_MS = 2_000;

async function storeOf(places: Places): Promise<LocalStore> {
  const { database, codex, store: url, home, onWait } = places;
  if (url !== null) {
    const { localStore, openPostgresStore } = await import("../internal/postgres.ts");
    const late = setTimeout(() => onWait?.(`Waiting for ${storeName(places)} …`), NOTICE_AFTER_MS);
    const store = await openPostgresStore({ url }).finally(() => clearTimeout(late));
    return localStore(store, home);
  }
  const store = await openSqliteStore({ path: database });
  if (codex === null) return store;
  try {
    const { codexStore } = await import("../internal/codex-store.ts");
    // Loaded where a Codex home is used: the engine takes longer to load than most commands take in all.
    const { systemClock } = await import("../internal/engine.ts");
    return codexStore(store, codex, { clock: systemClock, files: nodeFiles(), path: process.env.PATH });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Whether anything was ever kept in this home. Throws `home_unavailable` when it is a file, `home_foreign` when another program's. */
export async function hasStore({ home, database, store }: Places): Promise<boolean> {
  if (store !== null) return true;
  if (isFile(home)) {
    throw new SlowwaveError(
      "home_unavailable",
      `The home ${home} is a file and not a folder; choose another with --home or SLOWWAVE_HOME.`,
    );
  }
  await refuseForeignHome(home);
  return existsSync(database);
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    // A path that cannot be looked at is told by whoever opens something in it.
    return false;
  }
}

/** Prefixes are looked for among this many of the newest runs. */
const SEARCHED = 1_000;

/** The run a person means: its id, an unambiguous beginning of it, or `last` (of the space). */
export async function runNamed(name: string, store: Store | null, { space }: Places): Promise<RunRecord> {
  if (store === null) throw unknown(name);
  if (name === "last") {
    const [newest] = await store.runs.list({ space, limit: 1 });
    if (newest === undefined) throw unknown(name);
    return newest;
  }
  const exact = name === "" ? null : await store.runs.read(name);
  if (exact !== null) return exact;
  const alike = (await store.runs.list({ limit: SEARCHED })).filter(
    ({ id }) => name !== "" && id.startsWith(name),
  );
  if (alike.length > 1) {
    throw new SlowwaveError(
      "ambiguous_run",
      `${alike.length} runs begin with "${name}"; give more of the id.`,
    );
  }
  const [only] = alike;
  if (only === undefined) throw unknown(name);
  return only;
}

function unknown(name: string): SlowwaveError {
  return new SlowwaveError("unknown_run", `There is no run "${name}" here; \`slowwave runs\` lists them.`);
}

/** Where a space's memory is. `--memory-root` is about the space of this invocation; others stay in the home. */
export function rootOf(places: Places, space: string): string {
  return places.memoryRoot !== null && space === places.space
    ? places.memoryRoot
    : defaultRoot(places.home, space);
}

/**
 * Where an engine lays memories out: null where everything is in a database and no folder was named, since a memory is read
 * from a checkout then.
 */
export function memoryRoots(places: Places): ((space: string) => string) | null {
  if (places.store !== null && places.memoryRoot === null) return null;
  return (space) => rootOf(places, space);
}

/** Where a person finds a memory that has no folder here. */
export const IN_DATABASE = "in the database; `slowwave checkout --to DIR` lays it out";

export function memoryPlace(places: Places, space: string): string {
  return memoryRoots(places)?.(space) ?? IN_DATABASE;
}

/** What the store is called where a person reads it: without a password. */
export function storeName({ store, database }: Places): string {
  if (store === null) return database;
  // Its parameters may hold a password, too.
  const { protocol, username, host, pathname } = new URL(store);
  return `${protocol}//${username === "" ? "" : `${username}@`}${host}${pathname}`;
}
