import { resolve } from "node:path";
import { ReplaySubject } from "rxjs";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import type { RunEvent } from "../domain/event.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { RunHold } from "../domain/phase2.ts";
import type { RunResult } from "../domain/result.ts";
import { contextOf } from "../domain/run.ts";
import { MAX_REPAIRS, MAX_RESTARTS, type Settings } from "../domain/settings.ts";
import type { DurableRun } from "../durable/durable-run.ts";
import { createDurableEngine } from "../durable/engine.ts";
import { systemClock, systemIds } from "../durable/system.ts";
import { dotted } from "../durable/transition.ts";
import { nodeFiles } from "../files/node-files.ts";
import { PHASE2_VERSION, phase2Machine } from "../machines/phase2.ts";
import type { Phase2Context, Phase2Input } from "../machines/words.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import { retire } from "../memory-files/retire.ts";
import { phase2Actors } from "./actors.ts";
import { announcements } from "./announce.ts";
import type { Engine, EngineOptions, Run } from "./engine-api.ts";

import { createHold } from "./hold.ts";
import { createHome } from "./home.ts";
import { createObservers } from "./observers.ts";
import { demandContext, parkedEvents, releaseParked } from "./parked.ts";
import { recoverAbandonedWork } from "./recover-abandoned-work.ts";
import { resultOf } from "./result.ts";
import { settingsFrom } from "./settings.ts";

/** Observers that subscribe late still hear the run from its beginning. */
const REPLAYED_EVENTS = 1_000;

const NO_FENCE = -1;

/** Builds the engine. Nothing is touched before the first `start`, `recover` or `cancel`. */
export function createEngine(options: EngineOptions): Engine {
  const { store, agent: runner } = options;
  const clock = options.clock ?? systemClock;
  const ids = options.ids ?? systemIds(clock);
  const files = options.files ?? nodeFiles();
  const home = createHome(resolve(options.home), options.memoryRoot);
  const observers = createObservers();
  const registry = createAgentRegistry();
  const bindings = new Map<string, Binding>();
  const live = new Map<string, Run>();
  const followed = new WeakMap<DurableRun, Run>();
  const defaults = settingsFrom(options);
  let homeId = "";

  const tell = (event: RunEvent) => {
    observers.tell(event);
    bindings.get(event.run)?.told.next(event);
  };

  /** Made before a run is live, so that its actors find what binds them to this process. */
  const bind = (
    id: string,
    space: string,
    given: Pick<Binding, "settings" | "root" | "deadlineAtMs">,
  ): Binding => {
    const hold = createHold({ id, space }, { runs: store.runs, clock, tell });
    const binding = { ...given, hold, told: new ReplaySubject<RunEvent>(REPLAYED_EVENTS) };
    bindings.set(id, binding);
    return binding;
  };

  const durable = createDurableEngine({
    store,
    machine: phase2Machine,
    version: PHASE2_VERSION,
    clock,
    ids,
    actors: ({ id, space }) => {
      const { hold, settings, root, deadlineAtMs } = bindings.get(id) as Binding;
      const places = { ...home.placesOf(space, id), root };
      const worker = durable.owner;
      return phase2Actors({
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
    },
    examine: demandContext,
    adopting: async ({ id, space, snapshot }) => {
      const { value, context } = JSON.parse(snapshot) as { value: unknown; context: Phase2Context };
      const { token, settings, root, deadlineAtMs } = context;
      const { hold } = bind(id, space, { settings, root, deadlineAtMs });
      const state = dotted(value);
      tell({ type: "run.started", run: id, space, atMs: clock.nowMs(), adopted: true, state });
      // Law 5: what the dead process left running is ended before anything else happens for the space.
      await runner.endOrphan(home.placesOf(space, id).scratch, clock);
      const { leaseSeconds } = settings;
      const request = { space, token, worker: durable.owner, leaseSeconds, nowMs: clock.nowMs() };
      // The token may own nothing any more because this very run settled the job and died before it could say so.
      // A lease that fits no row is refused by every guard, but a repeated settlement finds its own trace.
      hold.hold((await store.jobs.takeOver(request)) ?? { space, token, fence: NO_FENCE });
    },
    parked: async (record) => {
      await runner.endOrphan(home.placesOf(record.space, record.id).scratch, clock).catch(() => {});
      for (const event of parkedEvents(record, clock.nowMs())) tell(event);
    },
    launched: (run) => follow(run),
    left: (run, why) => {
      // A run that ended by itself has closed its agent; one that was taken away or left has not.
      if (why !== null) for (const handle of registry.ofRun(run)) handle.close().catch(() => {});
    },
  });
  durable.committed$.subscribe((step) => {
    for (const event of announcements(step)) tell(event);
  });

  const follow = (durableRun: DurableRun) => {
    const { id, space, adopted, done } = durableRun;
    const { told } = bindings.get(id) as Binding;
    const result = done
      .then(() => resultOf(store, id) as Promise<RunResult>)
      .then((found) => retireAfter(found))
      .then((found) => {
        tell({ type: "run.finished", run: id, space, atMs: clock.nowMs(), result: found });
        return found;
      })
      .finally(() => {
        bindings.delete(id);
        live.delete(id);
        told.complete();
      });
    // A host that only listens to events must not be killed by an unhandled rejection.
    result.catch(() => {});
    const run = { id, space, adopted, events$: told.asObservable(), result };
    live.set(id, run);
    followed.set(durableRun, run);
  };

  /** Housekeeping; that it failed is no failure of the run. */
  const retireAfter = async (found: RunResult): Promise<RunResult> => {
    const { space, outcome } = found;
    if (outcome === "succeeded" && found.generation !== null) {
      const unfinished = await store.runs.list({ space, state: "active", limit: 10 }).catch(() => null);
      const bases = unfinished?.map((run) => (contextOf(run) as Partial<Phase2Context>).base ?? null);
      if (bases !== undefined) await retire({ store, clock }, { space, bases }).catch(() => {});
    }
    return found;
  };

  const adopt = async (filter?: { space: string }): Promise<readonly Run[]> => {
    homeId = await home.prepare();
    const deps = { store, homeId, clock, ids, files, owner: durable.owner };
    await recoverAbandonedWork(deps, home.rootOf, filter?.space);
    return (await durable.recover(filter)).map((run) => followed.get(run) as Run);
  };

  return {
    owner: durable.owner,
    runs: observers.runs,
    events$: observers.events$,
    async start({ space = "global", now = false, dryRun = false, ...overrides } = {}) {
      const settings = settingsFrom(overrides, defaults);
      checkSpace(space);
      homeId = await home.prepare();
      await checkRoot({ root: home.rootOf(space), homeId, space, files });
      const [unfinished] = await adopt({ space });
      if (unfinished !== undefined) return unfinished;
      const id = ids.run();
      const root = home.rootOf(space);
      const { maxRunMinutes } = settings;
      const deadlineAtMs = maxRunMinutes === null ? null : clock.nowMs() + maxRunMinutes * 60_000;
      bind(id, space, { settings, root, deadlineAtMs });
      const input: Phase2Input = {
        run: id,
        space,
        root,
        token: ids.token(),
        deadlineAtMs,
        force: now,
        ...(dryRun ? { dryRun } : {}),
        settings,
        maxRepairs: runner.singleTurn ? 0 : MAX_REPAIRS,
        maxRestarts: MAX_RESTARTS,
      };
      const state = "claiming";
      tell({ type: "run.started", run: id, space, atMs: clock.nowMs(), adopted: false, state });
      try {
        return followed.get(await durable.start({ id, space, input })) as Run;
      } catch (error) {
        bindings.delete(id);
        observers.forget(id);
        throw error;
      }
    },
    recover: () => adopt(),
    async cancel(run) {
      homeId = await home.prepare();
      const result = live.get(run)?.result;
      const outcome = await durable.cancel(run);
      await result?.catch(() => {});
      const record = outcome === "cancelled" ? null : await store.runs.read(run);
      if (record?.state !== "parked") return outcome;
      return (await releaseParked({ store, clock, owner: durable.owner }, record)) ? "cancelled" : "over";
    },
    result: (run) => resultOf(store, run),
    async close() {
      const results = [...live.values()].map((run) => run.result);
      await durable.close();
      await Promise.allSettled(results);
      observers.complete();
    },
  };
}

interface Binding {
  readonly hold: RunHold;
  readonly settings: Settings;
  readonly root: string;
  readonly deadlineAtMs: number | null;
  readonly told: ReplaySubject<RunEvent>;
}

function checkSpace(space: string): void {
  if (space === "" || space.length > 200 || /[\p{Cc}\p{Cs}]/u.test(space)) {
    throw new SlowwaveError(
      "space_invalid",
      "A space key is 1 to 200 characters without control characters.",
    );
  }
}
