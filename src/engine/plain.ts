import { resolve } from "node:path";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { RunEvent } from "../domain/event.ts";
import type { Clock, Ids, Store } from "../domain/ports.ts";
import { MAX_REPAIRS, MAX_RESTARTS, type Settings } from "../domain/settings.ts";
import { checkSpaceKey } from "../domain/space.ts";
import { systemClock, systemIds } from "../durable/system.ts";
import { nodeFiles } from "../files/node-files.ts";
import { phase2Machine } from "../machines/phase2.ts";
import type { Phase2Input } from "../machines/words.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import { phase2Actors } from "./actors.ts";
import { createHold } from "./hold.ts";
import { createHome } from "./home.ts";
import { settingsFrom } from "./settings.ts";

export interface PlainOptions extends Partial<Settings> {
  readonly store: Store;
  readonly agent: AgentRunner;
  readonly home: string;
  /** Default `global`. */
  readonly space?: string;
  readonly memoryRoot?: (space: string) => string;
  /** `run --now`. */
  readonly now?: boolean;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Heartbeats, agent messages and findings; states come from the actor itself. */
  readonly tell?: (event: RunEvent) => void;
}

export interface PlainPhase2 {
  /** The machine with its actors, for one run: give it to `createActor`, or invoke it in a machine of yours. */
  readonly machine: typeof phase2Machine;
  readonly input: Phase2Input;
  /** Ends agents that still live and frees the owner lock. */
  close(): Promise<void>;
}

/**
 * One run as an ordinary XState actor: the same machine and the same services as in the engine, without its
 * log. Nothing continues it after a crash; the lease runs out and the next run begins anew.
 */
export async function plainPhase2(options: PlainOptions): Promise<PlainPhase2> {
  const { store, agent: runner, space = "global", now = false, tell = () => {} } = options;
  const clock = options.clock ?? systemClock;
  const ids = options.ids ?? systemIds(clock);
  const settings = settingsFrom(options);
  checkSpaceKey(space);
  const home = createHome(resolve(options.home), options.memoryRoot);
  const files = nodeFiles();
  const homeId = await home.prepare();
  await checkRoot({ root: home.rootOf(space), homeId, space, files });
  const run = ids.run();
  const worker = ids.token();
  const registration = await store.owners.register(worker);
  const registry = createAgentRegistry();
  // No run row, so observations have no log to go to; they are told all the same.
  const runs = { note: async () => 0 };
  const hold = createHold({ id: run, space }, { runs, clock, tell });
  const places = home.placesOf(space, run);
  const { maxRunMinutes } = settings;
  const deadlineAtMs = maxRunMinutes === null ? null : clock.nowMs() + maxRunMinutes * 60_000;
  const actors = phase2Actors({
    store,
    hold,
    places,
    homeId,
    worker,
    settings,
    deadlineAtMs,
    runner,
    registry,
    clock,
    ids,
    files,
  });
  return {
    machine: phase2Machine.provide({ actors }),
    input: {
      run,
      space,
      root: places.root,
      token: ids.token(),
      deadlineAtMs,
      force: now,
      settings,
      maxRepairs: runner.singleTurn ? 0 : MAX_REPAIRS,
      maxRestarts: MAX_RESTARTS,
    },
    async close() {
      await Promise.allSettled(registry.ofRun(run).map((handle) => handle.close()));
      await registration.unregister();
    },
  };
}
