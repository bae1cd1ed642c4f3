import { SlowwaveError } from "../domain/failure.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { type Controls, createControls } from "../internal/engine.ts";
import { EXIT, type Invocation } from "./shell.ts";
import { memoryRoots, openExistingStore } from "./store.ts";
import { type Line, yellow } from "./ui/text.ts";

/**
 * What `apply`, `rollback` and `purge` share: they need a store that is there, close it, and say what lives when
 * a run has the space. `work` answers the space that is taken, or null when it is done. Returns the exit code.
 */
export async function withControls(
  at: Invocation,
  work: (controls: Controls, store: Store) => Promise<{ readonly running: string } | null>,
): Promise<number> {
  const { places, output, json } = at;
  const store = await openExistingStore(places);
  if (store === null) throw nothingHere();
  try {
    const memoryRoot = memoryRoots(places);
    const taken = await work(createControls({ store, home: places.home, memoryRoot }), store);
    if (taken === null) {
      await printOutdatedConnections(at, store);
      return EXIT.ok;
    }
    if (json) output.printJson(await skippedRunning(store, taken.running));
    else output.info(...(await runningLines(store, taken.running)));
    return EXIT.failed;
  } finally {
    await store.close();
  }
}

/** Where an agent is still shown what was just taken back, since a person changed the place or it can't be written. */
async function printOutdatedConnections(at: Invocation, store: LocalStore): Promise<void> {
  if ((await store.connections.list()).length === 0) return;
  const { refreshConnections } = await import("./connecting.ts");
  for (const { problem } of await refreshConnections(at, store))
    if (problem !== null) at.output.info([yellow("still shown"), ` · ${problem}`]);
}

export interface SpaceTaken {
  readonly space: string;
  readonly outcome: "skipped";
  readonly status: "skipped_running";
  readonly reason: { readonly code: "skipped_running"; readonly message: string; readonly cause: null };
}

/** The answer of a command that needs a space for itself while a run has it. */
export async function skippedRunning(store: Store, space: string): Promise<SpaceTaken> {
  const message = await sentence(store, space);
  return {
    space,
    outcome: "skipped",
    status: "skipped_running",
    reason: { code: "skipped_running", message, cause: null },
  };
}

/** Where nothing was ever kept. */
export function nothingHere(): SlowwaveError {
  return new SlowwaveError(
    "nothing_here",
    "This home holds no memory yet; `slowwave import` and `slowwave run` make the first, or choose another with --home.",
  );
}

export async function runningLines(store: Store, space: string): Promise<readonly Line[]> {
  return [[yellow("skipped"), ` · skipped_running · ${await sentence(store, space)}`]];
}

async function sentence(store: Store, space: string): Promise<string> {
  const [run] = await store.runs.list({ space, state: "active", limit: 1 });
  if (run !== undefined) {
    return `Run ${run.id} works on this space; cancel it first (\`slowwave cancel ${run.id}\`), or wait for its end.`;
  }
  return "Another process has this space; try again when it is done (`slowwave status` says when its lease ends).";
}
