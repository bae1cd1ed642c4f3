import type { AnyMachineSnapshot, EventObject } from "xstate";
import type { SlowwaveError } from "../domain/failure.ts";
import type { LiveRun, LiveRunHost, Sender } from "./live-run.ts";
import type { Committed, DurableRun, Receipt } from "./options.ts";
import type { Values } from "./plain-event.ts";

/** The engine that launched a run. */
export interface LaunchingEngine {
  readonly values: Values;
  committed(step: Committed): void;
  /** This process's part in the run is over; its `done` is settled right after. */
  ended(run: LaunchedRun, why: SlowwaveError | null): void;
}

/**
 * A run that was begun or adopted in this process, as its host has it. What is asked of it before its first commit is
 * done right after. There may be thousands, so that nothing is made before it is asked for.
 */
export class LaunchedRun implements DurableRun, LiveRunHost {
  readonly id: string;
  readonly space: string;
  readonly adopted: boolean;
  /** Null while its first commit is under way. */
  live: LiveRun | null = null;
  /** Until its first commit, or what it took over, is done. */
  ready: Promise<unknown> | null = null;
  readonly #engine: LaunchingEngine;
  #early: ((live: LiveRun) => void)[] | null = null;
  #last: AnyMachineSnapshot | null = null;
  #end: { readonly why: SlowwaveError | null } | null = null;
  #done: Promise<AnyMachineSnapshot> | null = null;
  #settle: (() => void) | null = null;

  constructor(engine: LaunchingEngine, run: Pick<DurableRun, "id" | "space" | "adopted">) {
    this.#engine = engine;
    this.id = run.id;
    this.space = run.space;
    this.adopted = run.adopted;
  }

  get done(): Promise<AnyMachineSnapshot> {
    if (this.#done === null) {
      this.#done = new Promise((resolve, reject) => {
        this.#settle = () => {
          const why = this.#end?.why ?? null;
          if (why === null) resolve(this.snapshot());
          else reject(why);
        };
      });
      this.#done.catch(() => {});
      if (this.#end !== null) this.#settle?.();
    }
    return this.#done;
  }

  snapshot(): AnyMachineSnapshot {
    return (this.live?.snapshot ?? this.#last) as AnyMachineSnapshot;
  }

  send(event: EventObject): Promise<Receipt> {
    const plain = this.#engine.values.plainEvent(event);
    return receiptOf((sender) => this.ask((live) => live.send(plain, sender)));
  }

  /** At once, or right after its first commit. */
  ask(work: (live: LiveRun) => void): void {
    if (this.live !== null) {
      work(this.live);
      return;
    }
    this.#early ??= [];
    this.#early.push(work);
  }

  /** Its first commit is made: what was asked of it meanwhile is done. */
  begun(): void {
    for (const ask of this.#early ?? []) this.ask(ask);
    this.#early = null;
    this.ready = null;
  }

  committed(step: Committed): void {
    this.#last = step.snapshot;
    this.#engine.committed(step);
  }

  ended(why: SlowwaveError | null): void {
    this.#end = { why };
    this.#engine.ended(this, why);
    this.#settle?.();
  }
}

/** A promise that nobody has to listen to. */
export function receiptOf(ask: (sender: Sender) => void): Promise<Receipt> {
  const receipt = new Promise<Receipt>((resolve, reject) => ask({ resolve, reject }));
  receipt.catch(() => {});
  return receipt;
}
