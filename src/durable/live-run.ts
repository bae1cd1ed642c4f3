import type { AnyActorLogic, AnyMachineSnapshot, EventObject } from "xstate";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { Clock, RunStore } from "../domain/ports.ts";
import type { CommitOutcome, CommitRequest, NewRun, RunRecord } from "../domain/run.ts";
import { commitAgain } from "./commit-again.ts";
import type { RunLeaf } from "./leaf.ts";
import { type OpenIntents, openIntents } from "./open-intents.ts";
import { type PlainEvent, plainEvent } from "./plain-event.ts";
import { type Plan, planOf } from "./plan.ts";
import { dotted, type Step, type Transitions } from "./transition.ts";

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
  /** Shared by the runs of a process. */
  readonly runLeaf: RunLeaf;
  /** How long a commit is retried while the store is busy or unavailable. */
  readonly commitPatienceMs: number;
  committed(step: Committed): void;
  /** This process's part is over: finished, or taken away (`why`). */
  ended(run: string, why: SlowwaveError | null): void;
}

interface Delivery {
  readonly said: PlainEvent;
  /** The intent whose actor says so; null for events from outside. */
  readonly from: string | null;
}

/** A commit that is yet to be made. */
interface Advance {
  readonly said: PlainEvent;
  readonly before: AnyMachineSnapshot | null;
  readonly step: Step;
  readonly plan: Plan;
  readonly request: CommitRequest;
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
    const { clock, actors, runLeaf } = world;
    const tell = (said: PlainEvent, from: string) => this.#deliver({ said, from });
    this.#open = openIntents({ clock, actors, runLeaf, tell });
  }

  /** Creates the run with its first commit, then starts its first effects. */
  static async create(world: LiveRunWorld, run: NewRun, input: unknown): Promise<LiveRun> {
    let live: LiveRun;
    let advance: Advance;
    try {
      const init = { type: "xstate.init", input } as EventObject;
      const step = world.transitions.initialTransition(input);
      live = new LiveRun(world, { ...run, fence: 0 }, { sequence: -1, snapshot: step.snapshot });
      advance = live.#advanceOf({ event: init, text: JSON.stringify(init) }, null, step);
    } catch (cause) {
      if (cause instanceof SlowwaveError) throw cause;
      throw new SlowwaveError("machine_threw", `Run ${run.id} could not begin: ${causeOf(cause)}`, { cause });
    }
    await live.#commit(advance, (request) => world.runs.create(run, request));
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
  send(said: PlainEvent): void {
    this.#deliver({ said, from: null });
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
      const stepped = this.#stepOn(next);
      const advance = stepped instanceof Promise ? await stepped : stepped;
      if (advance !== null) await this.#commit(advance, (request) => this.#world.runs.commit(request));
    }
    this.#working = false;
  }

  /** Null when nothing is to be committed. What the program throws ends the run. */
  #stepOn({ said, from }: Delivery): Advance | null | Promise<null> {
    if (from !== null && !this.#open.has(from)) return null;
    try {
      const step = this.#world.transitions.transition(this.#snapshot, said.event);
      // An end that changes nothing is recorded with the next commit.
      if (from !== null && this.#open.isEndedBy(from, said.event)) this.#open.settle(from);
      return step === null ? null : this.#advanceOf(said, this.#snapshot, step);
    } catch (error) {
      return this.#poison(said, error);
    }
  }

  #advanceOf(said: PlainEvent, before: AnyMachineSnapshot | null, step: Step): Advance {
    const { status } = step.snapshot;
    const state = status === "active" || status === "done" ? status : "error";
    const request = this.#requestOf(said, step.snapshot, state);
    const plan = planOf(step.effects, this.#open, request);
    return { said, before, step, plan, request: { ...request, intents: this.#open.after(plan) } };
  }

  #requestOf({ event, text }: PlainEvent, snapshot: AnyMachineSnapshot, state: CommitRequest["state"]) {
    return {
      run: this.id,
      fence: this.#fence,
      sequence: this.#sequence + 1,
      atMs: this.#world.clock.nowMs(),
      event: text,
      eventType: event.type,
      value: dotted(snapshot.value),
      snapshot: this.#world.transitions.persist(snapshot),
      state,
    };
  }

  /** Records the step, then lets the world see it: observers first, then stopped actors, then new ones. */
  async #commit({ said, before, step, plan, request }: Advance, write: Write): Promise<void> {
    let outcome: CommitOutcome;
    try {
      outcome = await write(request);
    } catch (error) {
      outcome = await this.#insist(request, error);
    }
    if (this.#over) return;
    if (outcome !== "ok") {
      this.#end(new SlowwaveError("run_taken_over", `Run ${this.id} is continued by another process.`));
      return;
    }
    const { sequence, atMs, value, state } = request;
    const { snapshot } = step;
    this.#sequence = sequence;
    this.#snapshot = snapshot;
    const { id: run, space } = this;
    const { event } = said;
    this.#world.committed({ run, space, sequence, atMs, event, value, before, snapshot, state });
    for (const key of plan.stopped) this.#open.stop(key);
    try {
      for (const effect of step.effects) if (effect.kind === "act") effect.run();
    } catch (error) {
      // Not the event that led to it, which is recorded: a replay must not step on it twice.
      if (state === "active") await this.#poison(plainEvent({ type: "slowwave.action.threw" }), error);
      else this.#end(this.#choked(event, error));
      return;
    }
    if (state !== "active") this.#end(null);
    else for (const intent of plan.opened) this.#open.start(intent);
  }

  /** Asks a busy or failing store again; when patience is over, the run is left to a later process. */
  async #insist(request: CommitRequest, refused: unknown): Promise<CommitOutcome> {
    const { runs, clock, commitPatienceMs } = this.#world;
    // A run that could not be created is not there to go on with.
    const patienceMs = request.sequence === 0 ? 0 : commitPatienceMs;
    try {
      return await commitAgain({ runs, clock, patienceMs, isOver: () => this.#over }, request, refused);
    } catch (error) {
      const failure = error as SlowwaveError;
      this.#end(failure);
      if (request.sequence === 0) throw failure;
      return "fenced";
    }
  }

  /** A guard, an assignment or an action threw: a broken program. The run ends in error with what it choked on. */
  async #poison(said: PlainEvent, error: unknown): Promise<null> {
    const request = { ...this.#requestOf(said, this.#snapshot, "error"), intents: [] };
    await this.#world.runs.commit(request).catch((refused: unknown) => this.#insist(request, refused));
    if (!this.#over) this.#end(this.#choked(said.event, error));
    return null;
  }

  #choked({ type }: EventObject, cause: unknown): SlowwaveError {
    return new SlowwaveError("machine_threw", `Run ${this.id} choked on "${type}": ${causeOf(cause)}`, {
      cause,
    });
  }

  #end(why: SlowwaveError | null): void {
    this.#over = true;
    this.#queue.length = 0;
    for (const key of this.#open.keys()) this.#open.stop(key);
    this.#world.ended(this.id, why);
  }
}

type Write = (request: CommitRequest) => Promise<CommitOutcome>;

interface LiveState {
  readonly sequence: number;
  readonly snapshot: AnyMachineSnapshot;
}
