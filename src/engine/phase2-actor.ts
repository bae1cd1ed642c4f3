import { resolve } from "node:path";
import type { ActorLogic, AnyActorScope, OutputFrom, SnapshotFrom } from "xstate";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock, Ids } from "../domain/clock.ts";
import type { RunEvent } from "../domain/event.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { LeaseHolder, Phase2Event } from "../domain/phase2.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { checkSpaceKey, type Settings } from "../domain/settings.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import { nodeFiles } from "../files/node-files.ts";
import { phase2Machine } from "../machines/phase2.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import { actorsAtOnce, inputOf, openRun, type RunEnvironment, termsOf } from "./actors.ts";
import { createLeaseHolder } from "./events.ts";
import { createHome } from "./home.ts";
import { localStore } from "./local-store.ts";
import { checkActorOptions, settingsFrom } from "./settings.ts";

export interface Phase2ActorOptions extends Partial<Settings> {
  readonly store: Store | LocalStore;
  readonly agent: AgentRunner;
  /** State folder, as the engine's. */
  readonly home: string;
  /** Default `global`. */
  readonly space?: string;
  /** As the engine's. */
  readonly memoryRoot?: ((space: string) => string) | null;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Called with heartbeats, agent messages and findings; states come from the actor itself. */
  readonly onEvent?: (event: RunEvent) => void;
}

/** What one invocation may be given; none of it has to be. */
export interface Phase2Invocation {
  /** As `run --now`: ignores backoff, exhaustion and cooldown; never a live lease. */
  readonly now?: boolean;
}

/** Actor logic whose every invocation is a run of its own. Its snapshots and output are those of `phase2Machine`. */
export type Phase2Logic = ActorLogic<
  SnapshotFrom<typeof phase2Machine>,
  Phase2Event,
  Phase2Invocation | undefined
> & { readonly __output?: OutputFrom<typeof phase2Machine> };

export interface Phase2Actor {
  readonly logic: Phase2Logic;
  /** Ends agents that still live and frees the owner lock. */
  close(): Promise<void>;
}

/**
 * Phase 2 as an ordinary XState actor: the same machine and the same services as in the engine, without its log. Every
 * invocation of `logic` is a run of its own, whose time begins when it is started. Nothing continues a run after a crash:
 * the lease runs out and the next run begins anew, so a persisted snapshot of it can't be restored (`not_restorable`).
 *
 * ```ts
 * const { logic, close } = await createPhase2Actor({ store, agent: extractiveAgent(), home: ".slowwave" });
 * const { status } = await toPromise(createActor(logic).start());
 * await close();
 * ```
 *
 * Rejects with `home_*`, `root_*`, `space_invalid` or `invalid_settings`.
 */
export async function createPhase2Actor(options: Phase2ActorOptions): Promise<Phase2Actor> {
  const { space = "global" } = options;
  checkSpaceKey(space);
  const runs = await openPlainRuns(options, space);
  const { environment, homeId, settings, worker } = runs;

  const begin = (scope: AnyActorScope, { now = false }: Phase2Invocation = {}) => {
    const run = environment.ids.run();
    const terms = termsOf(environment, settings);
    const holder = runs.holderOf(run, space);
    const machine = phase2Machine.provide({
      actors: actorsAtOnce(openRun(environment, { holder, worker, homeId }, terms)),
    });
    return machine.getInitialSnapshot(scope, inputOf(environment, { run, space, now, dryRun: false }, terms));
  };

  return { logic: logicOf(begin), close: runs.close };
}

/** A snapshot knows the machine that it is of, and with it the actors of its own run. */
function logicOf(
  begin: (scope: AnyActorScope, invocation?: Phase2Invocation) => SnapshotFrom<typeof phase2Machine>,
): Phase2Logic {
  return {
    config: phase2Machine.config,
    getInitialSnapshot: (scope, invocation) => begin(scope, invocation),
    transition: (snapshot, event, scope) =>
      snapshot.machine.transition(snapshot, event, scope as never) as never,
    start: (snapshot) => snapshot.machine.start(snapshot),
    getPersistedSnapshot: (snapshot) => phase2Machine.getPersistedSnapshot(snapshot as never),
    restoreSnapshot: () => {
      throw new SlowwaveError(
        "not_restorable",
        "A plain actor's run can't be gone on with: start a new one, or use `createEngine`, whose runs survive a crash.",
      );
    },
  };
}

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
