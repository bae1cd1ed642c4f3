import type { AnyStateMachine, EventObject } from "xstate";
import type { LogRow, RunRecord, RunStore } from "../domain/run.ts";
import { dotted, type Effect, type Step, structureHash, transitionsOf } from "../internal/machine.ts";
import { httpError } from "./request.ts";

/** A machine event of the log with what it did, replayed from the log alone. */
export interface ReplayedStep {
  readonly row: LogRow;
  readonly event: EventObject;
  /** Dotted. */
  readonly value: string;
  /** Persisted form: plain JSON. */
  readonly snapshot: unknown;
  readonly effects: readonly Effect[];
  /** Children that lived before and don't any more. */
  readonly ended: readonly string[];
}

/**
 * Replays runs: the log holds every event, and the machine is pure, so any moment of any run can be seen,
 * of finished and of crashed ones too. Only runs of this very machine; others are refused with `other_machine`.
 */
export interface Replayer {
  /** To be given the run's machine events one after the other, from the first. */
  begin(run: RunRecord): (row: LogRow) => ReplayedStep;
  /** Up to and including `to`. Empty when the run has no such events. */
  replay(run: RunRecord, to?: number): Promise<readonly ReplayedStep[]>;
}

export function createReplayer(machine: AnyStateMachine, runs: Pick<RunStore, "steps">): Replayer {
  const transitions = transitionsOf(machine);
  const hash = structureHash(machine);

  function begin(run: RunRecord): (row: LogRow) => ReplayedStep {
    if (run.machine !== machine.id || run.hash !== hash) {
      const message = `Run ${run.id} belongs to another version of the machine; only its last snapshot can be shown.`;
      throw httpError("other_machine", message);
    }
    let at: Step["snapshot"] | null = null;
    return (row) => {
      const event = JSON.parse(row.data) as EventObject;
      const before: Step["snapshot"] | null = at;
      const step = stepOf(before, event);
      const now: Step["snapshot"] | null = step?.snapshot ?? before;
      if (now === null) throw httpError("other_machine", `Run ${run.id} does not begin with its beginning.`);
      at = now;
      const lived = Object.keys(before?.children ?? {});
      return {
        row,
        event,
        value: dotted(now.value),
        snapshot: JSON.parse(transitions.persist(now)) as unknown,
        effects: step?.effects ?? [],
        ended: lived.filter((child) => !isAlive(now, child)),
      };
    };
  }

  /** Null when the event changed nothing, or is the one the machine choked on. */
  function stepOf(before: Step["snapshot"] | null, event: EventObject): Step | null {
    // What the engine itself records is no event of the machine.
    if (event.type.startsWith("slowwave.")) return null;
    try {
      return before === null
        ? transitions.initialTransition((event as { input?: unknown }).input)
        : transitions.transition(before, event);
    } catch {
      return null;
    }
  }

  return {
    begin,
    replay: async (run, to = run.sequence) => {
      const step = begin(run);
      // Events of child actors are no steps of the machine itself.
      const rows = await runs.steps({ run: run.id, to });
      return rows.filter(({ actor }) => actor === undefined).map(step);
    },
  };
}

function isAlive({ children, status }: Step["snapshot"], child: string): boolean {
  return status === "active" && child in children;
}
