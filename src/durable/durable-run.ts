import type { AnyMachineSnapshot, EventObject } from "xstate";

/** A run that is live in this process. */
export interface DurableRun {
  readonly id: string;
  readonly space: string;
  readonly adopted: boolean;
  /** The machine's final snapshot. Rejects when this process has to leave the run unfinished. */
  readonly done: Promise<AnyMachineSnapshot>;
  snapshot(): AnyMachineSnapshot;
  /** Throws `not_json` for an event that cannot be recorded. */
  send(event: EventObject): void;
}
