import { resolve } from "node:path";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { Settings } from "../domain/settings.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import { nodeFiles } from "../files/node-files.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import type { RunEnvironment } from "./actors.ts";
import { createLeaseHolder } from "./events.ts";
import { createHome } from "./home.ts";
import { localStore } from "./local-store.ts";
import type { Phase2ActorOptions } from "./phase2-actor.ts";
import { checkActorOptions, settingsFrom } from "./settings.ts";

/** Runs of phase 2 that no engine of ours keeps: they have no row and no log, and their claim is this process's. */
export interface PlainRuns {
  readonly environment: RunEnvironment;
  readonly settings: Settings;
  readonly homeId: string;
  /** The owner id that claims name. */
  readonly worker: string;
  /** For one run, new or gone on with; what is observed goes to the host alone. */
  holderOf(run: string, space: string): LeaseHolder;
  checkRoot(space: string): Promise<void>;
  /** Ends agents that still live and lets go of the owner id. */
  close(): Promise<void>;
}

/** `space`: its memory root is checked first. Rejects with `home_*`, `root_*` or `invalid_settings`. */
export async function openPlainRuns(
  options: Omit<Phase2ActorOptions, "space">,
  space?: string,
): Promise<PlainRuns> {
  checkActorOptions(options);
  const { agent: runner, onEvent = () => {} } = options;
  const settings = settingsFrom(options);
  const clock = clockOf(options.clock);
  const ids = options.ids ?? systemIds(clock);
  const home = createHome(resolve(options.home), options.memoryRoot);
  const store = localStore(options.store, home.folder);
  const files = nodeFiles();
  const registry = createAgentRegistry();
  const homeId = await home.prepare();
  const check = async (of: string) => {
    const root = home.rootOf(of);
    if (root !== null) await checkRoot({ root, homeId, space: of, files });
  };
  if (space !== undefined) await check(space);
  const worker = ids.token();
  const registration = await store.liveness.register(worker);
  const begun = new Set<string>();
  return {
    environment: { store, runner, registry, home, clock, ids, files },
    settings,
    homeId,
    worker,
    holderOf: (id, of) => {
      begun.add(id);
      // No run row, so observations have no log to go to.
      return createLeaseHolder({ id, space: of }, { runs: { note: async () => 0 }, clock, emit: onEvent });
    },
    checkRoot: check,
    async close() {
      const handles = [...begun].flatMap((run) => [...registry.ofRun(run)]);
      await Promise.allSettled(handles.map((handle) => handle.close()));
      await registration.unregister();
    },
  };
}
