import { resolve } from "node:path";
import { ReplaySubject } from "rxjs";
import { createAgentRegistry } from "../agents/agent-registry.ts";
import { showPublished } from "../delivery/refresh.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import type { RunEvent, RunResult } from "../domain/event.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { NO_FENCE, refusal, tokenHeldBy } from "../domain/job.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { Locks, Store } from "../domain/ports.ts";
import { everyUnfinished, type RunRecord } from "../domain/run.ts";
import { checkSpaceKey, type Settings } from "../domain/settings.ts";
import { createDurableEngine } from "../durable/engine.ts";
import type { Actors, DurableEngine, DurableOptions, DurableRun } from "../durable/options.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import { dotted } from "../durable/transition.ts";
import { nodeFiles } from "../files/node-files.ts";
import type { Phase2Context } from "../machines/context.ts";
import { PHASE2_VERSION, phase2Machine } from "../machines/phase2.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import { inputOf, openRun, type RunEnvironment, type RunTerms, termsOf } from "./actors.ts";
import { type Admission, createAdmission, type Place } from "./admission.ts";
import type { Engine, EngineOptions, Run, StartRequest } from "./engine-api.ts";
import { announcements, createLeaseHolder, createObservers, type Observers } from "./events.ts";
import { createHome } from "./home.ts";
import { localStore } from "./local-store.ts";
import {
  bringRootForward,
  clearAbandonedStaging,
  demandContext,
  findLostWorkspace,
  parkedEvents,
  recoverAbandonedWork,
  releaseParked,
  retireAfterRun,
} from "./recovery.ts";
import { resultOf } from "./result.ts";
import { checkEngineOptions, checkStartRequest, settingsFrom } from "./settings.ts";

/** The parts of one engine, as its functions below share them. */
interface Parts extends RunEnvironment {
  readonly live: LiveRuns;
  readonly observers: Observers;
  readonly admission: Admission;
  /** Places of starts that are looking for an unfinished run of their space first, by space. */
  readonly promised: Map<string, Place[]>;
  /** Places of runs, by run. */
  readonly places: Map<string, Place>;
  readonly emit: (event: RunEvent) => void;
  /** Empty until the home was prepared. */
  homeId: string;
}

/**
 * Builds the engine. Nothing is touched before the first `start`, `recover` or `cancel`.
 *
 * ```ts
 * const store = await openSqliteStore({ path: "/var/lib/memory/slowwave.db" });
 * const engine = createEngine({ store, agent: extractiveAgent(), home: "/var/lib/memory" });
 * const run = await engine.start();
 * const { status } = await run.result;
 * await engine.close();
 * ```
 */
export function createEngine(options: EngineOptions): Engine {
  checkEngineOptions(options);
  const defaults = settingsFrom(options);
  const parts = partsOf(options, defaults, () => void recoverLater());
  const { store, live, observers, admission } = parts;
  const durable: DurableEngine = createDurableEngine(durableOptions(parts, () => durable.owner));
  durable.committed$.subscribe((step) => {
    for (const event of announcements(step)) parts.emit(event);
  });
  const recover = (filter?: { space: string }) => adopt(parts, durable, filter);
  /** A run for which there was no place may have one now. */
  const recoverLater = () => recover().catch(() => {});

  const start = async (request: StartRequest, free?: Place): Promise<Run> => {
    const { space = "global", now = false, dryRun = false, waitForPlace = true, ...overrides } = request;
    checkStartRequest(request);
    const settings = settingsFrom(overrides, defaults);
    checkSpaceKey(space);
    await prepareRoot(parts, space);
    const { unfinished, place } = await enterSpace(
      parts,
      space,
      free ?? (await placeFor(admission, waitForPlace)),
      recover,
    );
    if (unfinished !== null) return unfinished;
    await demandProgram(parts.runner).catch((error: unknown) => {
      place.leave();
      throw error;
    });
    const id = parts.ids.run();
    const terms = termsOf(parts, settings);
    place.run = id;
    parts.places.set(id, place);
    live.bind(id, space, terms);
    const input = inputOf(parts, { run: id, space, now, dryRun }, terms);
    const atMs = parts.clock.nowMs();
    parts.emit({ type: "run.started", run: id, space, atMs, adopted: false, state: "claiming" });
    try {
      return live.of(await durable.start({ id, space, input }));
    } catch (error) {
      live.unbind(id);
      leavePlace(parts, id);
      observers.forget(id);
      throw error;
    }
  };

  return {
    owner: durable.owner,
    runs: observers.runs,
    events$: observers.events$,
    start: (request = {}) => start(request),
    startIfDue: (request = {}) => startIfDue(parts, settingsFrom(request, defaults), request, start),
    recover: async ({ maxLiveRuns, runsOnly = false } = {}) => {
      if (maxLiveRuns !== undefined) admission.setLimit(maxLiveRuns);
      return runsOnly ? (await durable.recover()).map((run) => live.of(run)) : recover();
    },
    cancel: (run) => cancel(parts, durable, run),
    live: () => live.all(),
    abandon: (how) => abandon(parts, durable, how),
    result: (run) => resultOf(store, run),
    async close() {
      admission.close(new SlowwaveError("engine_closed", "The engine is closed; create a new one."));
      const results = live.all().map((run) => run.result);
      await durable.close({ ifUnhandled: "wait" });
      await Promise.allSettled(results);
      observers.complete();
    },
  };
}

function partsOf(options: EngineOptions, defaults: Settings, onPlaceFree: () => void): Parts {
  const { agent: runner } = options;
  const store = localStore(options.store, resolve(options.home));
  const clock = clockOf(options.clock);
  const ids = options.ids ?? systemIds(clock);
  const observers = createObservers();
  const emit = (event: RunEvent) => {
    observers.emit(event);
    live.publish(event);
  };
  const live = createLiveRuns({
    store,
    clock,
    emit,
    finished: ({ space }) => retireAfterRun({ store, clock }, space, defaults),
    left: (run) => leavePlace(parts, run),
  });
  const parts: Parts = {
    store,
    runner,
    clock,
    ids,
    live,
    observers,
    emit,
    registry: createAgentRegistry(),
    home: createHome(resolve(options.home), options.memoryRoot),
    files: options.files ?? nodeFiles(),
    published: showPublished({ store, files: nodeFiles(), clock, home: resolve(options.home) }),
    admission: createAdmission(options.maxLiveRuns ?? null, onPlaceFree),
    promised: new Map(),
    places: new Map(),
    homeId: "",
  };
  return parts;
}

function durableOptions(parts: Parts, owner: () => string): DurableOptions {
  const { store, live, runner, home, clock, ids, registry, emit } = parts;
  const endOrphan = ({ space, id }: { space: string; id: string }) =>
    runner.endOrphan(home.placesOf(space, id).runFolder, clock);
  return {
    store,
    machine: phase2Machine,
    version: PHASE2_VERSION,
    unknownVersions: "park",
    graceMs: Number.POSITIVE_INFINITY,
    clock,
    ids,
    actors: ({ id }) => {
      const binding = live.bindingOf(id);
      const { holder, lost, atItsEnd } = binding;
      const { homeId } = parts;
      return openRun(
        parts,
        { holder, worker: owner(), homeId, lost, atItsEnd },
        binding,
      ) as unknown as Actors;
    },
    examine: demandContext,
    // One that was cancelled meanwhile, or whose job went on without it, holds nothing to go on with.
    unpark: async (record) => tokenHeldBy(record, await store.jobs.read(record.space)) !== null,
    admit: (record, takeOver) => admit(parts, record, takeOver),
    adopting: async ({ id, space, snapshot }) => {
      const { value, context } = JSON.parse(snapshot) as { value: unknown; context: Phase2Context };
      const { token, settings, deadlineAtMs, workspace } = context;
      const binding = live.bind(id, space, { settings, deadlineAtMs });
      const { holder } = binding;
      const state = dotted(value);
      emit({ type: "run.started", run: id, space, atMs: clock.nowMs(), adopted: true, state });
      // An agent must not outlive its engine: what dead processes left running in the space is ended before anything
      // else happens there, also what belongs to another of its runs.
      const holdsJob = async () => (await store.jobs.read(space))?.ownership_token === token;
      for await (const other of everyUnfinished(store.runs, { space })) {
        if (other.id === id || live.get(other.id) !== undefined) continue;
        const owner = await store.liveness.probe(other.owner);
        // Who took over another run at this moment may not have ended its agent yet; and without the job it starts none.
        if (owner === "dead" || (owner === "alive" && (await holdsJob()))) await endOrphan(other);
      }
      await endOrphan({ space, id });
      binding.lost = await findLostWorkspace(parts, { id, space, state, workspace });
      const { leaseSeconds } = settings;
      const request = { space, token, worker: owner(), leaseSeconds, nowMs: clock.nowMs() };
      // The token may own nothing any more because this very run settled the job and died before it could say so.
      // A lease that fits no row is refused by every guard, but a repeated settlement finds its own trace.
      const lease = (await store.jobs.takeOver(request)) ?? { space, token, fence: NO_FENCE };
      holder.setLease(lease);
      // Another machine published it: here its folder is brought to the same.
      if (context.generation !== null)
        binding.atItsEnd = () => bringRootForward(parts, { run: id, space, lease });
    },
    parked: async (record) => {
      await endOrphan(record).catch(() => {});
      for (const event of parkedEvents(record, clock.nowMs())) emit(event);
    },
    launched: (run) => live.follow(run),
    left: (run, why) => {
      // A run that ended by itself has closed its agent; one that was taken away or left has not.
      if (why !== null) for (const handle of registry.ofRun(run)) handle.close().catch(() => {});
    },
  };
}

/** Takes an unfinished run over if there is a place for it: its own start's, or a free one. */
async function admit(
  { admission, promised, places }: Parts,
  record: RunRecord,
  takeOver: () => Promise<DurableRun | null>,
): Promise<DurableRun | null> {
  const isEnding = record.cancelRequestedAtMs !== null;
  const place = promised.get(record.space)?.pop() ?? (isEnding ? admission.force() : admission.tryEnter());
  if (place === null) return null;
  place.run = record.id;
  places.set(record.id, place);
  try {
    const run = await takeOver();
    if (run === null) leavePlace({ places }, record.id);
    return run;
  } catch (error) {
    leavePlace({ places }, record.id);
    throw error;
  }
}

function leavePlace({ places }: Pick<Parts, "places">, run: string): void {
  places.get(run)?.leave();
  places.delete(run);
}

async function placeFor(admission: Admission, wait: boolean): Promise<Place> {
  if (wait) return admission.enter();
  const place = admission.tryEnter();
  if (place !== null) return place;
  throw new SlowwaveError(
    "no_place",
    "Every place for a run is taken in this process; try again when one of its runs is over.",
  );
}

/** The space's unfinished run, taken over into this place; else a place for a new run. Leaves the place when it fails. */
async function enterSpace(
  { admission, promised }: Parts,
  space: string,
  place: Place,
  recover: (filter: { space: string }) => Promise<readonly Run[]>,
): Promise<
  { readonly unfinished: Run; readonly place: null } | { readonly unfinished: null; readonly place: Place }
> {
  promised.set(space, [...(promised.get(space) ?? []), place]);
  try {
    const [unfinished] = await recover({ space });
    if (unfinished !== undefined) return { unfinished, place: null };
  } catch (error) {
    if (place.run === null) place.leave();
    throw error;
  } finally {
    const left = promised.get(space)?.filter((other) => other !== place) ?? [];
    if (left.length === 0) promised.delete(space);
    else promised.set(space, left);
  }
  // Another start of this space may have taken its run over into this place.
  return { unfinished: null, place: place.run === null ? place : await admission.enter() };
}

/** A run that could not even start its agent would count as a failure and make its space wait. */
async function demandProgram(runner: AgentRunner): Promise<void> {
  const missing = (await runner.findMissing?.()) ?? null;
  if (missing !== null) throw new SlowwaveError("agent_missing", missing);
}

/** Makes the home and looks at the memory root; rejects with a `home_*` or `root_*` code. */
async function prepareRoot(parts: Parts, space: string): Promise<void> {
  const { home, files } = parts;
  parts.homeId = await home.prepare();
  const root = home.rootOf(space);
  if (root !== null) await checkRoot({ root, homeId: parts.homeId, space, files });
}

async function adopt(
  parts: Parts,
  durable: DurableEngine,
  filter?: { space: string },
): Promise<readonly Run[]> {
  parts.homeId = await parts.home.prepare();
  await recoverAbandonedWork({ ...parts, owner: durable.owner }, parts.home.rootOf, filter?.space);
  // Looks at every folder of staging, so not before each start.
  if (filter === undefined) await clearAbandonedStaging(parts, parts.home.folder);
  return (await durable.recover(filter)).map((run) => parts.live.of(run));
}

/**
 * Two processes that keep one schedule look at the same moment. Under a lock of the space only one of them begins its
 * run; by the time the other has the lock the claim is answered, and the row says so.
 */
async function startIfDue(
  { store, clock, admission }: Parts,
  settings: { readonly successCooldownSeconds: number; readonly retries: number },
  request: StartRequest,
  start: (request: StartRequest, free: Place) => Promise<Run>,
): Promise<Run | null> {
  const { space = "global", now = false, waitForPlace = true } = request;
  // Before the lock: who waits for a place must not keep another process from the space.
  const place = await placeFor(admission, waitForPlace);
  let lock: Awaited<ReturnType<Locks["lock"]>> = null;
  try {
    lock = await store.locks.lock(`start ${space}`);
    const { successCooldownSeconds, retries } = settings;
    const nowMs = store.clock === "store" ? await store.nowMs() : clock.nowMs();
    const claim = { force: now, successCooldownSeconds, retries, nowMs };
    if (lock === null || refusal(await store.jobs.read(space), claim) !== null) return null;
    const run = await start(request, place);
    await claimAnswered(run);
    return run;
  } finally {
    if (place.run === null) place.leave();
    await lock?.unlock();
  }
}

/** Resolves when the run has left the state in which it claims its job. */
function claimAnswered({ events$ }: Run): Promise<void> {
  return new Promise((resolve) => {
    events$.subscribe({
      next: (event) => {
        if (event.type === "state.entered" && event.state !== "claiming") resolve();
        if (event.type === "run.started" && event.state !== "claiming") resolve();
      },
      complete: resolve,
    });
  });
}

async function cancel(
  parts: Parts,
  durable: DurableEngine,
  run: string,
): Promise<"cancelled" | "requested" | "over" | "unknown"> {
  const { store, clock, live, home } = parts;
  parts.homeId = await home.prepare();
  const result = live.get(run)?.result;
  const outcome = await durable.cancel(run);
  await result?.catch(() => {});
  const record = outcome === "cancelled" ? null : await store.runs.read(run);
  // A run that is past being cancelled goes to its end.
  if (record?.state !== "parked") return outcome === "unhandled" ? "cancelled" : outcome;
  return (await releaseParked({ store, clock, owner: durable.owner }, record)) ? "cancelled" : "over";
}

/** In this order: a run that heard its agent end would say so once the store is back. */
async function abandon(
  { live, registry }: Parts,
  durable: DurableEngine,
  how: Parameters<Engine["abandon"]>[0],
): Promise<void> {
  const runs = live.all().map(({ id }) => id);
  durable.abandon();
  const end = async (run: string) => {
    const agents = registry.ofRun(run);
    await Promise.allSettled(agents.map((agent) => agent.close(how)));
    // Whoever goes on with a run, be it this process, starts an agent anew.
    for (const { id } of agents) registry.remove(id);
  };
  // Nobody's end waits for an agent that is just being started; that one ends as soon as it is there.
  await Promise.all(runs.map((run) => end(run)));
  await Promise.all(runs.map((run) => registry.started(run).then(() => end(run))));
}

/** Observers that subscribe late still hear the run from its beginning. */
const REPLAYED_EVENTS = 1_000;

/** What ties one run to this process. */
interface Binding extends RunTerms {
  readonly holder: LeaseHolder;
  /** Why the run can't go on, where its workspace was on a machine that is gone. */
  lost: SlowwaveError | null;
  /** Done before its agent is closed. Never rejects. */
  atItsEnd?: () => Promise<void>;
  readonly events$: ReplaySubject<RunEvent>;
}

/** The runs this process works on: bound before they are live, so that their actors find what they act under. */
interface LiveRuns {
  bind(id: string, space: string, terms: RunTerms): Binding;
  /** A run that is bound. */
  bindingOf(id: string): Binding;
  /** A run that could not be begun after all. */
  unbind(id: string): void;
  /** Passes an event on to those who watch its run. */
  publish(event: RunEvent): void;
  /** The run from the host's point of view, until its result is there. */
  follow(run: DurableRun): void;
  of(run: DurableRun): Run;
  get(id: string): Run | undefined;
  all(): readonly Run[];
}

function createLiveRuns(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: (event: RunEvent) => void;
  /** Awaited between the end of a run and its last event. Must not reject. */
  readonly finished: (result: RunResult) => Promise<void>;
  /** This process's part in the run is over, its result is read or can't be. */
  readonly left: (run: string) => void;
}): LiveRuns {
  const { store, clock, emit } = deps;
  const bindings = new Map<string, Binding>();
  const live = new Map<string, Run>();
  const byDurable = new WeakMap<DurableRun, Run>();

  const resultAfter = async ({ id, space, done }: DurableRun): Promise<RunResult> => {
    await done;
    const result = (await resultOf(store, id)) as RunResult;
    await deps.finished(result);
    emit({ type: "run.finished", run: id, space, atMs: clock.nowMs(), result });
    return result;
  };

  return {
    bind(id, space, terms) {
      const holder = createLeaseHolder({ id, space }, { runs: store.runs, clock, emit });
      const binding: Binding = {
        ...terms,
        holder,
        lost: null,
        events$: new ReplaySubject<RunEvent>(REPLAYED_EVENTS),
      };
      bindings.set(id, binding);
      return binding;
    },
    bindingOf: (id) => bindings.get(id) as Binding,
    unbind: (id) => void bindings.delete(id),
    publish: (event) => bindings.get(event.run)?.events$.next(event),
    follow(durable) {
      const { id, space, adopted } = durable;
      const { events$ } = bindings.get(id) as Binding;
      const result = resultAfter(durable).finally(() => {
        bindings.delete(id);
        live.delete(id);
        events$.complete();
        deps.left(id);
      });
      // A host that only listens to events must not be killed by an unhandled rejection.
      result.catch(() => {});
      const run = { id, space, adopted, events$: events$.asObservable(), result };
      live.set(id, run);
      byDurable.set(durable, run);
    },
    of: (durable) => byDurable.get(durable) as Run,
    get: (id) => live.get(id),
    all: () => [...live.values()],
  };
}
