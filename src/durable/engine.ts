import { Subject } from "rxjs";
import type { AnyStateMachine, EventObject } from "xstate";
import { type Clock, type Ids, settlesWithin } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { RunRecord, Signal } from "../domain/run.ts";
import { inboxPoll } from "./inbox-poll.ts";
import { LaunchedRun, type LaunchingEngine, receiptOf } from "./launched-run.ts";
import { LiveRun, type LiveRunParts, type LiveRunWorld } from "./live-run.ts";
import type {
  Actors,
  Committed,
  DurableEngine,
  DurableOptions,
  DurableRun,
  Emitted,
  Receipt,
} from "./options.ts";
import { type Parking, parking } from "./parking.ts";
import { valuesOf } from "./plain-event.ts";
import { type PreparedMachine, prepareAll, prepareMachine } from "./prepared-machine.ts";
import { recovery } from "./recovery.ts";
import { storedRuns } from "./stored-runs.ts";
import { clockOf, systemIds } from "./system.ts";
import { timerWheel } from "./timer-wheel.ts";
import { STAND_INS } from "./transition.ts";
import { type Successor, type VersionedMachine, versionsOf } from "./versions.ts";

/**
 * Makes XState machines durable.
 *
 * Rejects nothing silently: a machine that uses what cannot survive a crash is refused here, by name. Nothing is
 * touched in the store before the first `start`, `recover`, `send` or `cancel`.
 *
 * @example
 * ```ts
 * import { createDurableEngine } from "slowwave";
 * import { openSqliteStore } from "slowwave/sqlite";
 *
 * const store = await openSqliteStore({ path: "orders.db" });
 * const engine = createDurableEngine({ store, machine: orderMachine });
 * await engine.recover();
 * const order = await engine.start({ id: "order-7", input: { items: ["book"] } });
 * const receipt = await order.send({ type: "paid", amount: 12 });
 * console.log(receipt, (await order.done).output);
 * await engine.close();
 * ```
 */
export function createDurableEngine<Machine extends AnyStateMachine>(
  options: DurableOptions<Machine>,
): DurableEngine<Machine> {
  const engine = new Engine(options as unknown as DurableOptions);
  const { stored } = engine;
  const api: DurableEngine = {
    owner: engine.owner,
    committed$: engine.committed$.asObservable(),
    emitted$: engine.emitted$.asObservable(),
    start: (request) => engine.start(request),
    get: (run) => engine.lives.get(run) ?? null,
    live: () => [...engine.lives.values()],
    send: (run, event, how) => engine.send(run, event, how),
    waitFor: stored.waitFor,
    snapshot: stored.snapshot,
    list: stored.list,
    history: stored.history,
    pause: (run) => engine.pause(run, true),
    resume: (run) => engine.pause(run, false),
    parked: engine.parking.parked,
    recover: (filter) => engine.recover(filter),
    cancel: (run) => engine.cancel(run),
    abandon: () => engine.abandon(),
    close: (how) => engine.close(how),
  };
  return api as unknown as DurableEngine<Machine>;
}

class Engine {
  readonly owner: string;
  readonly committed$ = new Subject<Committed>();
  readonly emitted$ = new Subject<Emitted>();
  readonly lives = new Map<string, LaunchedRun>();
  readonly stored;
  readonly #options: DurableOptions;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #machines: readonly VersionedMachine[];
  /** What its runs share. */
  readonly #world: LiveRunWorld;
  readonly #launching: LaunchingEngine;
  readonly parking: Parking;
  readonly #recovery;
  readonly #poll;
  readonly #cancelEvent: EventObject;
  #registration: Promise<{ unregister(): Promise<void> }> | null = null;
  #isClosed = false;

  constructor(options: DurableOptions) {
    this.#options = options;
    const { store } = options;
    this.#clock = clockOf(options.clock);
    this.#ids = options.ids ?? systemIds(this.#clock);
    this.owner = this.#ids.token();
    this.#cancelEvent = options.cancelEvent ?? { type: "cancel" };
    this.#machines = versionsOf(options);
    if (this.#machines.length === 0) {
      throw new SlowwaveError(
        "machine_missing",
        "The engine has no machine: give it `machine` or `machines`.",
      );
    }
    const prepared = new WeakMap<AnyStateMachine, PreparedMachine>();
    const prepare = (machine: AnyStateMachine): PreparedMachine => {
      const known = prepared.get(machine) ?? prepareMachine(machine, STAND_INS);
      prepared.set(machine, known);
      return known;
    };
    prepareAll(
      this.#machines.map(({ machine }) => machine),
      prepare,
    );
    this.#world = worldOf(options, { prepare, clock: this.#clock, emitted$: this.emitted$ });
    const { values } = this.#world;
    this.#launching = {
      values,
      committed: (step) => this.committed$.next(step),
      ended: (run, why) => this.#ended(run, why),
    };
    const names = [...new Set(this.#machines.map(({ machine }) => machine.id))];
    this.stored = storedRuns({
      runs: store.runs,
      clock: this.#clock,
      parse: values.parse,
      names,
      machineOf: (record) => this.#machineOf(record)?.machine ?? null,
      committed$: this.committed$,
      isLive: (run) => this.lives.has(run),
    });
    this.parking = parking({
      options,
      machines: this.#machines,
      clock: this.#clock,
      values,
      prepare,
      stored: this.stored,
      isLive: (run) => this.lives.has(run),
    });
    this.#recovery = recovery({
      store,
      clock: this.#clock,
      owner: this.owner,
      register: () => this.#register(),
      isLive: (run) => this.lives.has(run),
      isOwn: ({ machine }) => names.includes(machine),
      successorOf: this.parking.successorOf,
      resume: (record, successor) => this.#resume(record, successor),
      park: this.parking.park,
      names,
      mayUnpark: async (record) => options.unpark?.(record) ?? true,
      ...(options.admit === undefined ? {} : { admit: options.admit }),
    });
    this.#poll = inboxPoll({
      store,
      clock: this.#clock,
      owner: this.owner,
      pollMs: options.pollMs ?? 1_000,
      isNeeded: () => !this.#isClosed && this.lives.size > 0,
      cancel: (run) => this.#withLive(run, (live) => live.send(this.#plainCancel(), null)),
      signal: (signal) => this.#withLive(signal.run, (live) => void this.#takeIn(live, signal, null)),
      pause: (paused) => {
        for (const { id, live } of this.lives.values()) live?.pause(paused.has(id));
      },
    });
  }

  /** The owner lock is taken with the first run, so that looking at a store costs nothing. */
  async #register(): Promise<void> {
    this.#demandOpen();
    this.#registration ??= this.#options.store.liveness.register(this.owner);
    await this.#registration;
    this.#demandOpen();
  }

  #demandOpen(): void {
    if (this.#isClosed) throw new SlowwaveError("engine_closed", "The engine is closed; create a new one.");
  }

  #machineOf({
    machine: name,
    version,
  }: Pick<RunRecord, "machine" | "version">): VersionedMachine | undefined {
    const named = this.#machines.filter(({ machine }) => machine.id === name);
    return named.find((one) => one.version === version) ?? named[0];
  }

  async start(request: {
    id?: string;
    space?: string;
    machine?: string;
    input?: unknown;
  }): Promise<DurableRun> {
    const { id = this.#ids.run(), space = "", input, machine: name } = request;
    const of = this.#machines.find(({ machine }) => name === undefined || machine.id === name);
    if (of === undefined) {
      throw new SlowwaveError("machine_missing", `The engine has no machine "${name}".`);
    }
    await this.#register();
    const { values } = this.#world;
    const init = initOf(values, input);
    if (request.id !== undefined) {
      const known = this.lives.get(id) ?? (await this.#options.store.runs.read(id));
      if (known !== null) return this.#existing(id, init.text);
    }
    const { machine, version, hash } = of;
    const run = {
      id,
      space,
      machine: machine.id,
      version,
      hash,
      owner: this.owner,
      createdAtMs: this.#clock.nowMs(),
    };
    try {
      return await this.#launch({ id, space, adopted: false }, machine, (parts) =>
        LiveRun.create(parts, run, init),
      );
    } catch (error) {
      // Another process was faster by a moment.
      if ((error as Partial<SlowwaveError>).code !== "run_taken_over") throw error;
      return this.#existing(id, init.text);
    }
  }

  /** The same id and input is the same run, wherever it lives. */
  async #existing(id: string, init: string): Promise<DurableRun> {
    const { runs } = this.#options.store;
    const here = this.lives.get(id);
    await here?.ready;
    const [first] = await runs.steps({ run: id, to: 0 });
    if (first !== undefined && first.data !== init) {
      throw new SlowwaveError(
        "run_exists",
        `There is a run "${id}" already, with another input; choose another id.`,
      );
    }
    if (here !== undefined) return here;
    const [adopted] = await this.#recovery.recover({ run: id });
    if (adopted !== undefined) return adopted;
    const record = await runs.read(id);
    if (record === null) throw new SlowwaveError("run_unknown", `There is no run "${id}".`);
    return this.stored.handle(record, (event) => this.send(id, event));
  }

  /** `begin` gives the live run; it is registered before anything of it can end. */
  async #launch(
    about: { id: string; space: string; adopted: boolean },
    machine: AnyStateMachine,
    begin: (parts: LiveRunParts) => Promise<LiveRun>,
  ): Promise<DurableRun> {
    const run = new LaunchedRun(this.#launching, about);
    this.lives.set(run.id, run);
    try {
      const program = { machine, actors: this.#actorsOf(about) };
      const beginning = begin({ world: this.#world, host: run, program });
      run.ready = beginning.catch(() => {});
      run.live = await beginning;
    } catch (error) {
      this.lives.delete(run.id);
      throw error;
    }
    this.#options.launched?.(run);
    run.begun();
    this.#poll.start();
    return run;
  }

  #actorsOf({ id, space }: { id: string; space: string }): Actors {
    const { actors = {}, store } = this.#options;
    if (typeof actors !== "function") return actors;
    return actors({
      id,
      space,
      note: (type, data) => {
        // An observation that cannot be kept is lost; it decides nothing.
        store.runs.note(id, { atMs: this.#clock.nowMs(), type, data }).catch(() => {});
      },
    });
  }

  #ended(run: LaunchedRun, why: SlowwaveError | null): void {
    if (this.lives.get(run.id) === run) this.lives.delete(run.id);
    this.#options.left?.(run.id, why);
    if (this.lives.size === 0) this.#poll.idle();
  }

  #withLive(run: string, work: (live: LiveRun) => void): void {
    this.lives.get(run)?.ask(work);
  }

  async #resume(record: RunRecord, { of }: Successor & { kind: "machine" }): Promise<DurableRun> {
    await this.#options.adopting?.(record);
    const run = { id: record.id, space: record.space, adopted: true };
    const adopted = await this.#launch(run, of.machine, (parts) => LiveRun.resume(parts, record));
    if (record.cancelRequestedAtMs !== null) {
      this.#withLive(record.id, (live) => live.send(this.#plainCancel(), null));
    }
    return adopted;
  }

  async recover(filter?: { space?: string; run?: string }): Promise<readonly DurableRun[]> {
    if (filter === undefined && !this.#isClosed) this.#recovery.startPolling();
    return this.#recovery.recover(filter ?? {});
  }

  #plainCancel() {
    return this.#world.values.plainEvent(this.#cancelEvent);
  }

  async send(
    run: string,
    event: EventObject,
    how: { key?: string; timeoutMs?: number } = {},
  ): Promise<Receipt> {
    this.#demandOpen();
    const { timeoutMs = 5_000 } = how;
    const plain = this.#world.values.plainEvent(event);
    const here = this.lives.get(run);
    if (here !== undefined && how.key === undefined) return here.send(event);
    // With a key the store finds what it has left already, if it has to try twice.
    const key = how.key ?? this.#ids.token();
    const { runs } = this.#options.store;
    const signal = await runs.signal({ run, key, event: plain.text, nowMs: this.#clock.nowMs() });
    if (signal === null) {
      if ((await runs.read(run)) === null)
        throw new SlowwaveError("run_unknown", `There is no run "${run}".`);
      return { outcome: "unhandled" };
    }
    const live = this.lives.get(run)?.live;
    if (signal.state === "open" && live) {
      const receipt = this.#takeIn(live, signal, receiptOf);
      if (receipt !== null) return receipt;
    }
    return this.stored.receiptOf(signal, timeoutMs);
  }

  /** Null when the signal has been taken in before. */
  #takeIn(live: LiveRun, signal: Signal, ask: typeof receiptOf | null): Promise<Receipt> | null {
    const text = signal.event;
    const plain = { event: this.#world.values.parse(text) as EventObject, text };
    if (ask === null) {
      live.takeIn(signal, plain, null);
      return null;
    }
    let isTaken = false;
    const receipt = ask((sender) => {
      isTaken = live.takeIn(signal, plain, sender);
    });
    return isTaken ? receipt : null;
  }

  async pause(run: string, isPaused: boolean): Promise<boolean> {
    const { runs } = this.#options.store;
    const isDone = await runs.pause({ run, isPaused, nowMs: this.#clock.nowMs() });
    if (isDone) this.#withLive(run, (live) => live.pause(isPaused));
    return isDone;
  }

  async cancel(run: string): ReturnType<DurableEngine["cancel"]> {
    const live = this.lives.get(run);
    if (live !== undefined) return this.#cancelHere(live);
    const { runs } = this.#options.store;
    const record = await runs.read(run);
    if (record === null) return "unknown";
    if (record.state !== "active") return "over";
    await runs.requestCancel(run, this.#clock.nowMs());
    const [adopted] = await this.#recovery.recover({ run });
    if (adopted === undefined) return "requested";
    const entry = this.lives.get(run);
    return entry === undefined ? "cancelled" : this.#cancelHere(entry);
  }

  async #cancelHere(run: LaunchedRun): Promise<"cancelled" | "requested" | "unhandled"> {
    const receipt = await run.send(this.#cancelEvent).catch(() => null);
    if (receipt?.outcome === "unhandled" && this.lives.has(run.id)) return "unhandled";
    const isOver = await this.#within(
      this.#options.graceMs ?? 60_000,
      run.done.catch(() => {}),
    );
    return isOver ? "cancelled" : "requested";
  }

  /** False when the time is up before. Without an end no timer keeps the process. */
  #within(ms: number, work: Promise<unknown>): Promise<boolean> {
    return Number.isFinite(ms) ? settlesWithin(this.#clock, ms, work) : work.then(() => true);
  }

  abandon(why = new SlowwaveError("run_abandoned", "This process was cut off and left the run.")): void {
    for (const run of [...this.lives.values()]) run.ask((live) => live.leave(why));
  }

  async close(how: Parameters<DurableEngine["close"]>[0] = {}): Promise<void> {
    const { runs = "cancel", graceMs = this.#options.graceMs ?? 60_000, ifUnhandled = "leave" } = how;
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poll.stop();
    this.#recovery.stopPolling();
    const leaving = [...this.lives.values()];
    if (runs === "cancel") {
      const ends = leaving.map(async (run) => {
        const receipt = await run.send(this.#cancelEvent).catch(() => null);
        if (receipt?.outcome === "handled" || ifUnhandled === "wait") await run.done.catch(() => {});
      });
      await this.#within(graceMs, Promise.all(ends));
    } else await this.#within(graceMs, Promise.all(leaving.map(({ live }) => live?.drained())));
    this.abandon(
      new SlowwaveError("engine_closed", "The engine was closed; the next process continues the run."),
    );
    this.committed$.complete();
    this.emitted$.complete();
    await (await this.#registration)?.unregister();
  }
}

function worldOf(
  { store, codec, retry = {}, commitPatienceMs = 60_000, logger }: DurableOptions,
  {
    prepare,
    clock,
    emitted$,
  }: Pick<LiveRunWorld, "prepare" | "clock"> & { readonly emitted$: Subject<Emitted> },
): LiveRunWorld {
  return {
    values: valuesOf(codec),
    prepare,
    wheel: timerWheel(clock),
    runs: store.runs,
    clock,
    retry,
    commitPatienceMs,
    emitted: (event) => emitted$.next(event),
    log: (run, actor, parts) => logger?.({ run, actor, parts }),
  };
}

function initOf(values: ReturnType<typeof valuesOf>, input: unknown) {
  try {
    return values.plainEvent({ type: "xstate.init", input } as EventObject);
  } catch (cause) {
    throw new SlowwaveError("not_json", `The input of the run cannot be recorded: ${causeOf(cause)}`, {
      cause,
    });
  }
}
