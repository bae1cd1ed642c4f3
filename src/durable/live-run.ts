import type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, EventObject } from "xstate";
import type { Clock } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type {
  CommitOutcome,
  CommitRequest,
  Intent,
  NewRun,
  RunRecord,
  RunStore,
  Signal,
} from "../domain/run.ts";
import type { ActorRef } from "./actor-ref.ts";
import { ActorSystem, type SystemWorld } from "./actor-system.ts";
import { commitAgain } from "./commit-again.ts";
import type { Committed, Emitted, Receipt, RetryPolicy } from "./options.ts";
import type { PlainEvent } from "./plain-event.ts";
import { nextAttempt, retryOf } from "./retry.ts";
import { RunningActors, type RunningIntent, type RunOfActors } from "./running-actors.ts";
import { failedRequest, machineFailure, StatePatches, StepCommit } from "./step-commit.ts";
import type { Outside, SystemStep } from "./step-record.ts";
import { restoreActors, rowsOf } from "./stored-actors.ts";
import type { TimerWheel } from "./timer-wheel.ts";
import { dotted } from "./transition.ts";

/** What the runs of an engine share. */
export interface LiveRunWorld extends SystemWorld {
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly retry: Readonly<Record<string, RetryPolicy>>;
  /** How long a commit is retried while the store is busy or unavailable. */
  readonly commitPatienceMs: number;
  emitted(event: Emitted): void;
  log(run: string, actor: string, parts: readonly unknown[]): void;
}

/** Who hears of one run in this process. */
export interface LiveRunHost {
  committed(step: Committed): void;
  /** This process's part is over: finished, or taken away (`why`). */
  ended(why: SlowwaveError | null): void;
}

/** The machine of one run, and the host's overrides of its actors. */
export interface RunProgram {
  readonly machine: AnyStateMachine;
  readonly actors: Readonly<Record<string, AnyActorLogic>>;
}

/** What a live run is made of. */
export interface LiveRunParts {
  readonly world: LiveRunWorld;
  readonly host: LiveRunHost;
  readonly program: RunProgram;
}

interface Delivery {
  readonly target: ActorRef;
  readonly plain: PlainEvent;
  /** The intent whose actor or timer says so; null for events from outside. */
  readonly from: string | null;
  readonly signal: number | null;
  readonly sender: Sender | null;
}

/** Who waits for the receipt of an event. */
export interface Sender {
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

/** A commit that is yet to be made. */
interface Advance {
  readonly delivery: Delivery;
  readonly before: AnyMachineSnapshot | null;
  readonly snapshot: AnyMachineSnapshot;
  readonly outside: readonly Outside[];
  readonly request: CommitRequest;
}

/**
 * One run in this process: takes events one at a time, commits each with all that its actors made of it, and only then
 * does what they ask of the world. Late events of actors that were stopped are dropped.
 */
export class LiveRun implements RunOfActors {
  readonly id: string;
  readonly space: string;
  readonly system: ActorSystem;
  readonly #world: LiveRunWorld;
  readonly #host: LiveRunHost;
  readonly #fence: number;
  #sequence: number;
  /** As it was last committed. */
  #snapshot: AnyMachineSnapshot;
  readonly #patches: StatePatches;
  #isOver = false;
  #isWorking = false;
  #isPaused = false;
  /** The store refuses the commit that is under way. */
  #isRefused = false;
  /** Events of hosts that are not handled yet. */
  #sent = 0;
  #whenDrained: (() => void)[] = [];
  readonly #queue: Delivery[] = [];
  #signals: Set<number> | null = null;
  readonly #running = new RunningActors(this);

  private constructor(
    { world, host, program }: LiveRunParts,
    run: Pick<RunRecord, "id" | "space" | "fence" | "sequence">,
  ) {
    this.id = run.id;
    this.space = run.space;
    this.#world = world;
    this.#host = host;
    this.#fence = run.fence;
    this.#sequence = run.sequence;
    this.system = new ActorSystem(world, run.id, program.machine, program.actors, this);
    this.#snapshot = this.system.snapshot;
    this.#patches = new StatePatches(this.system);
  }

  /** Creates the run with its first commit, then starts its first effects. */
  static async create(parts: LiveRunParts, run: NewRun, init: PlainEvent): Promise<LiveRun> {
    const { world } = parts;
    const live = new LiveRun(parts, { ...run, fence: 0, sequence: -1 });
    let advance: Advance;
    try {
      const { input } = init.event as EventObject & { input?: unknown };
      const atMs = world.clock.nowMs();
      const step = live.system.begin(input, { sequence: 0, atMs });
      const { root } = live.system;
      const delivery = { target: root, plain: init, from: null, signal: null, sender: null };
      advance = live.#advanceOf(delivery, null, step, atMs);
    } catch (cause) {
      if (cause instanceof SlowwaveError && cause.code !== "not_json") throw cause;
      throw machineFailure(`Run ${run.id} could not begin: ${causeOf(cause)}`, cause);
    }
    await live.#commit(advance, (request) => world.runs.create(run, request));
    return live;
  }

  /** Goes on where a stored run stands: every open intent is started (again), with the messages its actor got. */
  static async resume(parts: LiveRunParts, record: RunRecord): Promise<LiveRun> {
    const { world } = parts;
    const live = new LiveRun(parts, record);
    const { system } = live;
    const [intents, rows] = await Promise.all([
      world.runs.openIntents(record.id),
      world.runs.actors(record.id),
    ]);
    restoreActors(system, { text: record.snapshot, intents, rows });
    live.#snapshot = system.snapshot;
    live.#isPaused = record.pausedAtMs !== undefined;
    for (const owner of system.living()) {
      for (const intent of owner.intents) {
        const messages = await live.#running.messagesOf(record.id, intent);
        live.#running.open(intent, owner, messages);
      }
    }
    return live;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#snapshot;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Handled in order, each with a commit of its own; events that change nothing write nothing. */
  send(plain: PlainEvent, sender: Sender | null): void {
    this.#deliver({ target: this.system.root, plain, from: null, signal: null, sender });
  }

  /** Takes in what was left for the run in the store. False when it has been taken in already. */
  takeIn({ id: signal }: Signal, plain: PlainEvent, sender: Sender | null): boolean {
    if (this.#signals?.has(signal) || this.#isOver) return false;
    this.#signals ??= new Set();
    this.#signals.add(signal);
    this.#deliver({ target: this.system.root, plain, from: null, signal, sender });
    return true;
  }

  /** While it is paused, nothing is handled: neither events nor timers nor the ends of actors. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused && this.#queue.length > 0 && !this.#isWorking) void this.#work();
  }

  /** Resolves when all that was sent has been handled, or the store is too busy to take it. */
  async drained(): Promise<void> {
    if (!this.#isDrained()) await new Promise<void>((resolve) => this.#whenDrained.push(resolve));
  }

  #isDrained(): boolean {
    return this.#isOver || this.#isPaused || this.#isRefused || this.#sent === 0;
  }

  #resolveDrained(): void {
    if (this.#whenDrained.length > 0 && this.#isDrained()) {
      for (const resolve of this.#whenDrained.splice(0)) resolve();
    }
  }

  /** Stops every actor without a word and leaves the run as it was last committed, for another process. */
  leave(why: SlowwaveError): void {
    if (!this.#isOver) this.#end(why);
  }

  /** A custom action, or whoever holds a reference, sends an event: recorded when it is handled. */
  enqueueFromInside(target: ActorRef, event: EventObject): void {
    if (this.#isOver) return;
    const plain = this.#world.values.plainEvent(event);
    this.enqueue(target, plain, null);
  }

  /** From outside, or from the actor or timer of the intent `from`. */
  enqueue(target: ActorRef, plain: PlainEvent, from: string | null): void {
    this.#deliver({ target, plain, from, signal: null, sender: null });
  }

  /** Gives an event of an actor to observers. */
  emit(actor: string, event: EventObject): void {
    this.#world.emitted({ run: this.id, space: this.space, actor, event });
  }

  get runs(): RunStore {
    return this.#world.runs;
  }

  get wheel(): TimerWheel {
    return this.#world.wheel;
  }

  #deliver(delivery: Delivery): void {
    if (this.#isOver) {
      delivery.sender?.resolve(UNHANDLED);
      return;
    }
    this.#queue.push(delivery);
    if (delivery.sender !== null) this.#sent += 1;
    if (!this.#isWorking && !this.#isPaused) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (!this.#isOver && !this.#isPaused) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      const stepped = this.#stepOn(next);
      const advance = stepped instanceof Promise ? await stepped : stepped;
      if (advance !== null) {
        let outcome: CommitOutcome;
        try {
          outcome = await this.#world.runs.commit(advance.request);
        } catch (error) {
          outcome = await this.#retryCommit(advance.request, error, next);
        }
        await this.#committed(advance, outcome);
      }
      if (next.sender !== null) this.#sent -= 1;
      this.#resolveDrained();
    }
    this.#isWorking = false;
    this.#resolveDrained();
  }

  /** Null when nothing is to be committed. What the program throws ends the run. */
  #stepOn(delivery: Delivery): Advance | null | Promise<Advance | null> {
    const { target, plain, from } = delivery;
    const source = from === null ? null : this.#running.get(from);
    if (source === undefined) return null;
    const isLast = source !== null && isEndOf(source.intent, plain.event);
    const policy = isLast ? retryOf(this.#world.retry, source.intent, plain.event) : null;
    if (source !== null && policy !== null) return this.#retry(source, policy, delivery);
    const before = this.#snapshot;
    try {
      const event = this.system.revived(plain);
      const atMs = this.#world.clock.nowMs();
      const ended = isLast ? { owner: source.owner, key: source.intent.key } : null;
      const step = this.system.step(target, event, { sequence: this.#sequence + 1, atMs, ended });
      if (isLast) this.#running.close(source.intent.key);
      return step === null ? this.#unhandled(delivery) : this.#advanceOf(delivery, before, step, atMs);
    } catch (error) {
      return this.#failRun(delivery, error);
    }
  }

  #unhandled({ sender, signal }: Delivery): null | Promise<null> {
    if (signal === null) {
      sender?.resolve(UNHANDLED);
      return null;
    }
    return this.#world.runs
      .closeSignals({ run: this.id, fence: this.#fence, ids: [signal] })
      .catch(() => {})
      .then(() => {
        sender?.resolve(UNHANDLED);
        return null;
      });
  }

  #advanceOf(delivery: Delivery, before: AnyMachineSnapshot | null, step: SystemStep, atMs: number): Advance {
    const { target, plain, signal } = delivery;
    const { system } = this;
    const { snapshot } = system;
    const { key } = target;
    const { messages, removed, changed, outside, value } = step;
    const rows = rowsOf(system, changed);
    const request = new StepCommit(system, {
      fence: this.#fence,
      sequence: this.#sequence + 1,
      atMs,
      plain,
      value,
      state: stateOf(snapshot),
      actor: key === "" ? undefined : key,
      patch: this.#patches.next(),
    });
    if (messages.length > 0) request.messages = messages;
    if (rows.length > 0) request.actors = rows;
    if (removed.length > 0) request.removed = removed;
    if (signal !== null) request.signals = [signal];
    return { delivery, before, snapshot, outside, request: request as CommitRequest };
  }

  async #commit(advance: Advance, write: Write): Promise<void> {
    let outcome: CommitOutcome;
    try {
      outcome = await write(advance.request);
    } catch (error) {
      outcome = await this.#retryCommit(advance.request, error, advance.delivery);
    }
    await this.#committed(advance, outcome);
  }

  /** The world sees the step: observers first, then stopped actors, then new ones. A promise where an action threw. */
  #committed(
    { delivery, before, snapshot, outside, request }: Advance,
    outcome: CommitOutcome,
  ): Promise<null> | null {
    if (this.#isOver) return null;
    if (outcome !== "ok") {
      const why = new SlowwaveError("run_taken_over", `Run ${this.id} is continued by another process.`);
      delivery.sender?.reject(why);
      this.#end(why);
      return null;
    }
    const { sequence, atMs, state } = request;
    this.#sequence = sequence;
    this.#snapshot = snapshot;
    const { id: run, space } = this;
    const { event } = delivery.plain;
    const { key: actor } = delivery.target;
    const value = dotted(snapshot.value);
    delivery.sender?.resolve({ outcome: "handled", sequence });
    this.#host.committed({ run, space, sequence, atMs, event, actor, value, before, snapshot, state });
    // Actors that begin with this step get their messages after they have begun.
    const opened = newReceivers(outside);
    for (const effect of outside) {
      if (effect.kind === "close") this.#running.stop(effect.key);
      else if (effect.kind === "message" && !opened.has(effect.key)) {
        this.#running.receive(effect.key, effect.text, effect.at);
      }
    }
    try {
      for (const effect of outside) this.#perform(effect);
    } catch (error) {
      // Not the event that led to it, which is recorded: a replay must not step on it twice.
      const threw = this.#world.values.plainEvent({ type: "slowwave.action.threw" });
      if (state === "active") return this.#failRun({ ...delivery, plain: threw }, error);
      this.#end(this.#threw(event, error));
      return null;
    }
    if (state !== "active") this.#end(null);
    for (const effect of outside) {
      if (this.#isOver) return null;
      if (effect.kind === "open") this.#running.open(effect.intent, effect.owner, []);
      else if (effect.kind === "message" && opened.has(effect.key)) {
        this.#running.receive(effect.key, effect.text, effect.at);
      }
    }
    return null;
  }

  #perform(effect: Outside): void {
    if (effect.kind === "act") effect.run();
    else if (effect.kind === "emit") this.emit(effect.actor, effect.event);
    else if (effect.kind === "log") {
      const { actor, label, value } = effect;
      this.#world.log(this.id, actor, label === undefined ? [value] : [label, value]);
    }
  }

  /** A commit that records the failure, and when the actor is tried again. No machine hears of it. */
  async #retry({ intent, owner }: RunningIntent, policy: RetryPolicy, delivery: Delivery): Promise<null> {
    const { clock, values, runs } = this.#world;
    const atMs = clock.nowMs();
    const { again, event } = nextAttempt(intent, policy, { failed: delivery.plain.event, atMs });
    owner.intents = owner.intents.map((one) => (one.key === intent.key ? again : one));
    const step = {
      value: dotted(this.#snapshot.value),
      messages: [],
      changed: new Set([owner]),
      removed: [],
      outside: [],
    };
    const recorded = { ...delivery, target: this.system.root, plain: values.plainEvent(event) };
    const advance = this.#advanceOf(recorded, this.#snapshot, step, atMs);
    this.#running.stop(intent.key);
    await this.#commit(advance, (request) => runs.commit(request));
    if (this.#isOver) return null;
    const messages = await this.#running.messagesOf(this.id, again);
    this.#running.open(again, owner, messages);
    return null;
  }

  /** Asks a busy or failing store again; when patience is over, the run is left to a later process. */
  async #retryCommit(request: CommitRequest, refused: unknown, delivery: Delivery): Promise<CommitOutcome> {
    const { runs, clock, commitPatienceMs } = this.#world;
    // A run that could not be created is not there to go on with.
    const patienceMs = request.sequence === 0 ? 0 : commitPatienceMs;
    this.#isRefused = true;
    this.#resolveDrained();
    try {
      return await commitAgain({ runs, clock, patienceMs, isOver: () => this.#isOver }, request, refused);
    } catch (error) {
      const failure = error as SlowwaveError;
      delivery.sender?.reject(failure);
      this.#end(failure);
      if (request.sequence === 0) throw failure;
      return "fenced";
    } finally {
      this.#isRefused = false;
    }
  }

  /** A guard, an assignment or an action threw: a broken program. The run ends in error with what was thrown. */
  async #failRun(delivery: Delivery, error: unknown): Promise<null> {
    const { plain, sender } = delivery;
    const failure = this.#threw(plain.event, error);
    const request = failedRequest(this.system, {
      fence: this.#fence,
      sequence: this.#sequence + 1,
      atMs: this.#world.clock.nowMs(),
      plain,
      last: this.#snapshot,
    });
    await this.#world.runs
      .commit(request)
      .catch((refused: unknown) => this.#retryCommit(request, refused, delivery));
    sender?.reject(failure);
    if (!this.#isOver) this.#end(failure);
    return null;
  }

  #threw({ type }: EventObject, cause: unknown): SlowwaveError {
    return machineFailure(`Run ${this.id} choked on "${type}": ${causeOf(cause)}`, cause);
  }

  #end(why: SlowwaveError | null): void {
    this.#isOver = true;
    for (const { sender } of this.#queue.splice(0)) {
      if (why === null) sender?.resolve(UNHANDLED);
      else sender?.reject(why);
    }
    this.#running.stopAll();
    this.#resolveDrained();
    this.#host.ended(why);
  }
}

/** Actors that begin with a step that also sends them something; most steps have none. */
function newReceivers(outside: readonly Outside[]): ReadonlySet<string> {
  if (!outside.some(({ kind }) => kind === "message")) return NOBODY;
  return new Set(outside.flatMap((effect) => (effect.kind === "open" ? [effect.intent.key] : [])));
}

const NOBODY: ReadonlySet<string> = new Set();

type Write = (request: CommitRequest) => Promise<CommitOutcome>;

const UNHANDLED: Receipt = { outcome: "unhandled" };

/** Whether this event is the last that this intent has to say. */
function isEndOf({ kind, child }: Intent, event: EventObject): boolean {
  if (kind === "timer") return true;
  return event.type === `xstate.done.actor.${child}` || event.type === `xstate.error.actor.${child}`;
}

function stateOf({ status }: AnyMachineSnapshot): CommitRequest["state"] {
  return status === "active" || status === "done" ? status : "error";
}
