import type { Store } from "../domain/ports.ts";
import { type Controls, createControls } from "../internal/engine.ts";
import { EXIT } from "./exit-code.ts";
import { rootOf } from "./root-of.ts";
import type { Invocation } from "./shell.ts";
import { nothingHere, sayRunning, skippedRunning } from "./space-taken.ts";
import { openExistingStore } from "./store.ts";

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
    const memoryRoot = (space: string) => rootOf(places, space);
    const taken = await work(createControls({ store, home: places.home, memoryRoot }), store);
    if (taken === null) return EXIT.ok;
    if (json) output.printJson(await skippedRunning(store, taken.running));
    else output.say(...(await sayRunning(store, taken.running)));
    return EXIT.failed;
  } finally {
    await store.close();
  }
}
