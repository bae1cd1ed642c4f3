import type { AnyActorLogic, AnyMachineSnapshot, EventObject } from "xstate";
import { causeOf, codeOf, SlowwaveError } from "../../domain/failure.ts";
import type { Clock, RunStore } from "../../domain/ports.ts";
import type { CommitOutcome, CommitRequest, Intent, NewRun, RunRecord } from "../../domain/run.ts";
import { type OpenIntents, openIntents } from "./open-intents.ts";
import { type PlainEvent, plainEvent } from "./plain-event.ts";
import { dotted, type Effect, type Step, type Transitions } from "./transition.ts";

/** What a commit led to; told to observers after the commit and before any effect of it. */
export interface Committed {
  readonly run: string;
  readonly space: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly event: EventObject;
  /** Dotted. */
  readonly value: string;
  readonly before: AnyMachineSnapshot | null;
  readonly snapshot: AnyMachineSnapshot;
  readonly state: CommitRequest["state"];
}

export interface LiveRunWorld {
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly transitions: Transitions;
  readonly actors: Readonly<Record<string, AnyActorLogic>>;
  /** How long a commit is retried while the store is busy or unavailable. */
  readonly commitPatienceMs: number;
  committed(step: Committed): void;
  /** This process's part is over: finished, or taken away (`why`). */
  ended(run: string, why: SlowwaveError | null): void;
}

interface Delivery {
  readonly event: EventObject;
  /** The intent whose actor says so; null for events from outside. */
  readonly from: string | null;
}

/**
 * One run in this process: takes events one at a time, commits each with the state and the intents it led to,
 * and only then starts what the intents ask for. Late words of actors that were stopped are dropped.
 */
export class LiveRun {
  readonly id: string;
  readonly space: string;
  readonly #world: LiveRunWorld;
  readonly #fence: number;
  #sequence: number;
  #snapshot: AnyMachineSnapshot;
  #over = false;
  #working = false;
  readonly #queue: Delivery[] = [];
  readonly #open: OpenIntents;

  private constructor(world: LiveRunWorld, run: Pick<RunRecord, "id" | "space" | "fence">, at: LiveState) {
    this.id = run.id;
    this.space = run.space;
    this.#world = world;
    this.#fence = run.fence;
    this.#sequence = at.sequence;
    this.#snapshot = at.snapshot;
    const { clock, actors } = world;
    this.#open = openIntents({ clock, actors, tell: (event, from) => this.#deliver({ event, from }) });
  }

  /** Creates the run with its first commit, then starts its first effects. */
  static async create(world: LiveRunWorld, run: NewRun, input: unknown): Promise<LiveRun> {
    const step = world.transitions.initialTransition(input);
    const live = new LiveRun(world, { ...run, fence: 0 }, { sequence: -1, snapshot: step.snapshot });
    const event = { type: "xstate.init", input } as EventObject;
    const first = { event, text: JSON.stringify(event) };
    await live.#advance(null, first, step, (request) => world.runs.create(run, request));
    return live;
  }

  /** Goes on where a stored run stands: every open intent is started (again). */
  static async resume(world: LiveRunWorld, record: RunRecord): Promise<LiveRun> {
    const snapshot = world.transitions.restore(record.snapshot);
    const live = new LiveRun(world, record, { sequence: record.sequence, snapshot });
    for (const intent of await world.runs.openIntents(record.id)) live.#open.start(intent);
    return live;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#snapshot;
  }

  /** Handled in order, each with a commit of its own; events that change nothing write nothing. */
  send(event: EventObject): void {
    this.#deliver({ event, from: null });
  }

  /** Stops every actor without a word and leaves the run as it was last committed, for another process. */
  leave(why: SlowwaveError): void {
    if (!this.#over) this.#end(why);
  }

  #deliver(delivery: Delivery): void {
    if (this.#over) return;
    this.#queue.push(delivery);
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let next = this.#queue.shift(); next !== undefined && !this.#over; next = this.#queue.shift()) {
      await this.#handle(next);
    }
    this.#working = false;
  }

  async #handle({ event: heard, from }: Delivery): Promise<void> {
    if (from !== null && !this.#open.has(from)) return;
    const plain = plainEvent(heard);
    const before = this.#snapshot;
    let step: Step | null;
    try {
      step = this.#world.transitions.transition(before, plain.event);
    } catch (error) {
      await this.#poison(plain, error);
      return;
    }
    // An end that changes nothing is recorded with the next commit.
    if (from !== null && this.#open.isEndedBy(from, plain.event)) this.#open.settle(from);
    if (step !== null)
      await this.#advance(before, plain, step, (request) => this.#world.runs.commit(request));
  }

  /** Commits one step, then lets the world see it: observers first, then stopped actors, then new ones. */
  async #advance(
    before: AnyMachineSnapshot | null,
    { event, text }: PlainEvent,
    step: Step,
    write: (request: CommitRequest) => Promise<CommitOutcome>,
  ): Promise<void> {
    const sequence = this.#sequence + 1;
    const atMs = this.#world.clock.nowMs();
    const state =
      step.snapshot.status === "active" ? "active" : step.snapshot.status === "done" ? "done" : "error";
    const { opened, stopped } = this.#plan(step.effects, sequence, atMs, state);
    const value = dotted(step.snapshot.value);
    const outcome = await this.#commit(write, {
      run: this.id,
      fence: this.#fence,
      sequence,
      atMs,
      event: text,
      eventType: event.type,
      value,
      snapshot: this.#world.transitions.persist(step.snapshot),
      state,
      intents: this.#open.after(stopped, opened),
    });
    if (this.#over) return;
    if (outcome !== "ok") {
      this.#end(new SlowwaveError("run_taken_over", `Run ${this.id} is continued by another process.`));
      return;
    }
    this.#sequence = sequence;
    this.#snapshot = step.snapshot;
    const { id: run, space } = this;
    this.#world.committed({
      run,
      space,
      sequence,
      atMs,
      event,
      value,
      before,
      snapshot: step.snapshot,
      state,
    });
    for (const key of stopped) this.#open.stop(key);
    for (const effect of step.effects) if (effect.kind === "act") effect.run();
    if (state !== "active") {
      this.#end(null);
      return;
    }
    for (const intent of opened) this.#open.start(intent);
  }

  /** Intents this step opens, and the keys of those it stops; an actor that ends with the machine is stopped too. */
  #plan(effects: readonly Effect[], sequence: number, atMs: number, state: CommitRequest["state"]) {
    const opened = new Map<string, Intent>();
    const stopped = new Set<string>(state === "active" ? [] : this.#open.keys());
    for (const effect of effects) {
      if (effect.kind === "act") continue;
      if (effect.kind === "stop") {
        opened.delete(effect.child);
        for (const key of this.#open.of(effect.child)) stopped.add(key);
        continue;
      }
      opened.set(effect.child, {
        key: `${this.id}/${sequence}/${effect.child}`,
        run: this.id,
        child: effect.child,
        kind: effect.kind,
        src: effect.kind === "start" ? effect.src : "timer",
        input: JSON.stringify(effect.kind === "start" ? effect.input : effect.event),
        dueAtMs: effect.kind === "timer" ? atMs + effect.delayMs : null,
      });
    }
    if (state !== "active") opened.clear();
    return { opened: [...opened.values()], stopped: [...stopped] };
  }

  /** A busy or failing store is asked again with the same content, which it answers as the same commit. */
  async #commit(
    write: (request: CommitRequest) => Promise<CommitOutcome>,
    request: CommitRequest,
  ): Promise<CommitOutcome> {
    const { clock, commitPatienceMs } = this.#world;
    const until = clock.monotonicMs() + commitPatienceMs;
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await write(request);
      } catch (error) {
        if (this.#over) return "fenced";
        if (clock.monotonicMs() + wait > until || request.sequence === 0) {
          const message = `Run ${this.id} could not be recorded; it goes on when the store works again.`;
          const failure = new SlowwaveError(codeOf(error) ?? "store_unavailable", message, { cause: error });
          this.#end(failure);
          if (request.sequence === 0) throw failure;
          return "fenced";
        }
        await new Promise<void>((resolve) => clock.setTimeout(resolve, wait));
      }
    }
  }

  /** A guard or an assignment threw: a broken program. The run ends in error with what it choked on. */
  async #poison({ event, text }: PlainEvent, error: unknown): Promise<void> {
    const failure = new SlowwaveError(
      "machine_threw",
      `Run ${this.id} choked on "${event.type}": ${causeOf(error)}`,
      {
        cause: error,
      },
    );
    const sequence = this.#sequence + 1;
    await this.#commit((request) => this.#world.runs.commit(request), {
      run: this.id,
      fence: this.#fence,
      sequence,
      atMs: this.#world.clock.nowMs(),
      event: text,
      eventType: event.type,
      value: dotted(this.#snapshot.value),
      snapshot: this.#world.transitions.persist(this.#snapshot),
      state: "error",
      intents: [],
    });
    if (!this.#over) this.#end(failure);
  }

  #end(why: SlowwaveError | null): void {
    this.#over = true;
    this.#queue.length = 0;
    for (const key of this.#open.keys()) this.#open.stop(key);
    this.#world.ended(this.id, why);
  }
}

interface LiveState {
  readonly sequence: number;
  readonly snapshot: AnyMachineSnapshot;
}
