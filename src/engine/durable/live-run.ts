import type { AnyActorLogic, AnyMachineSnapshot, EventObject } from "xstate";
import { causeOf, codeOf, SlowwaveError } from "../../domain/failure.ts";
import type { Clock, RunStore } from "../../domain/ports.ts";
import type { CommitOutcome, CommitRequest, Intent, NewRun, RunRecord } from "../../domain/run.ts";
import { runLeaf } from "./leaf.ts";
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
  /** Open intents by key, with what stops their actor once it runs. */
  readonly #open = new Map<string, { readonly intent: Intent; stop: () => void }>();
  /** Settled by events that changed nothing; they ride along with the next commit. */
  #settled: string[] = [];

  private constructor(world: LiveRunWorld, run: Pick<RunRecord, "id" | "space" | "fence">, at: LiveState) {
    this.id = run.id;
    this.space = run.space;
    this.#world = world;
    this.#fence = run.fence;
    this.#sequence = at.sequence;
    this.#snapshot = at.snapshot;
  }

  /** Creates the run with its first commit, then starts its first effects. */
  static async create(world: LiveRunWorld, run: NewRun, input: unknown): Promise<LiveRun> {
    const step = world.transitions.initialTransition(input);
    const live = new LiveRun(world, { ...run, fence: 0 }, { sequence: -1, snapshot: step.snapshot });
    const event = { type: "xstate.init", input } as EventObject;
    await live.#advance(null, event, step, (request) => world.runs.create(run, request));
    return live;
  }

  /** Goes on where a stored run stands: every open intent is started (again). */
  static async resume(world: LiveRunWorld, record: RunRecord): Promise<LiveRun> {
    const snapshot = world.transitions.restore(record.snapshot);
    const live = new LiveRun(world, record, { sequence: record.sequence, snapshot });
    for (const intent of await world.runs.openIntents(record.id)) live.#start(intent);
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
    const event = plain(heard);
    const isEnd = from !== null && isEndOf(event, this.#open.get(from)?.intent);
    const before = this.#snapshot;
    let step: Step | null;
    try {
      step = this.#world.transitions.transition(before, event);
    } catch (error) {
      await this.#poison(event, error);
      return;
    }
    if (isEnd) {
      this.#open.delete(from);
      this.#settled.push(from);
    }
    if (step !== null)
      await this.#advance(before, event, step, (request) => this.#world.runs.commit(request));
  }

  /** Commits one step, then lets the world see it: observers first, then stopped actors, then new ones. */
  async #advance(
    before: AnyMachineSnapshot | null,
    event: EventObject,
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
      event: JSON.stringify(event),
      eventType: event.type,
      value,
      snapshot: this.#world.transitions.persist(step.snapshot),
      state,
      open: opened,
      close: [...this.#settled, ...stopped],
    });
    if (this.#over) return;
    if (outcome !== "ok") {
      this.#end(new SlowwaveError("run_taken_over", `Run ${this.id} is continued by another process.`));
      return;
    }
    this.#settled = [];
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
    for (const key of stopped) this.#stop(key);
    for (const effect of step.effects) if (effect.kind === "act") effect.run();
    if (state !== "active") {
      this.#end(null);
      return;
    }
    for (const intent of opened) this.#start(intent);
  }

  /** Intents this step opens, and the keys of those it stops; an actor that ends with the machine is stopped too. */
  #plan(effects: readonly Effect[], sequence: number, atMs: number, state: CommitRequest["state"]) {
    const opened = new Map<string, Intent>();
    const stopped = new Set<string>();
    for (const effect of effects) {
      if (effect.kind === "act") continue;
      if (effect.kind === "stop") {
        opened.delete(effect.child);
        for (const [key, { intent }] of this.#open) if (intent.child === effect.child) stopped.add(key);
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
    if (state !== "active") {
      opened.clear();
      for (const key of this.#open.keys()) stopped.add(key);
    }
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

  #start(intent: Intent): void {
    const running = { intent, stop: () => {} };
    this.#open.set(intent.key, running);
    const tell = (event: EventObject) => this.#deliver({ event, from: intent.key });
    if (intent.kind === "timer") {
      running.stop = this.#arm(intent, () => tell(JSON.parse(intent.input) as EventObject));
      return;
    }
    const logic = this.#world.actors[intent.src];
    if (logic === undefined) {
      const error = { code: "actor_missing", message: `No actor is provided for "${intent.src}".` };
      tell({ type: `xstate.error.actor.${intent.child}`, error, actorId: intent.child } as EventObject);
      return;
    }
    running.stop = runLeaf(logic, {
      id: intent.child,
      input: JSON.parse(intent.input),
      clock: this.#world.clock,
      tell,
    });
  }

  /** Due times are wall clock, so that they survive a restart; long waits are cut into what a timer can hold. */
  #arm(intent: Intent, ring: () => void): () => void {
    const { clock } = this.#world;
    const LONGEST = 2 ** 31 - 1;
    let handle: unknown;
    const wait = () => {
      const left = (intent.dueAtMs ?? 0) - clock.nowMs();
      handle = left > LONGEST ? clock.setTimeout(wait, LONGEST) : clock.setTimeout(ring, Math.max(0, left));
    };
    wait();
    return () => clock.clearTimeout(handle);
  }

  #stop(key: string): void {
    const running = this.#open.get(key);
    this.#open.delete(key);
    running?.stop();
  }

  /** A guard or an assignment threw: a broken program. The run ends in error with what it choked on. */
  async #poison(event: EventObject, error: unknown): Promise<void> {
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
      event: JSON.stringify(event),
      eventType: event.type,
      value: dotted(this.#snapshot.value),
      snapshot: this.#world.transitions.persist(this.#snapshot),
      state: "error",
      open: [],
      close: [...this.#open.keys()],
    });
    if (!this.#over) this.#end(failure);
  }

  #end(why: SlowwaveError | null): void {
    this.#over = true;
    this.#queue.length = 0;
    for (const key of [...this.#open.keys()]) this.#stop(key);
    this.#world.ended(this.id, why);
  }
}

interface LiveState {
  readonly sequence: number;
  readonly snapshot: AnyMachineSnapshot;
}

function isEndOf(event: EventObject, intent: Intent | undefined): boolean {
  if (intent === undefined) return false;
  if (intent.kind === "timer") return true;
  return (
    event.type === `xstate.done.actor.${intent.child}` || event.type === `xstate.error.actor.${intent.child}`
  );
}

/** What is stored and what is stepped on are the same: a replay sees exactly this. Errors keep message, code and cause. */
function plain(event: EventObject): EventObject {
  return JSON.parse(
    JSON.stringify(event, (_, value: unknown) =>
      value instanceof Error
        ? {
            message: value.message,
            code: codeOf(value) ?? undefined,
            cause: causeOf(value.cause) || undefined,
          }
        : value,
    ),
  ) as EventObject;
}
