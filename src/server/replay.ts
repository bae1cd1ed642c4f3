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
 * of finished and of crashed ones too. Only runs of these very machines; others are refused with `other_machine`.
 */
export interface Replayer {
  /** The machine that made the run. */
  machineOf(run: Pick<RunRecord, "id" | "machine" | "hash">): AnyStateMachine;
  /** To be given the run's machine events one after the other, from the first. */
  begin(run: RunRecord): (row: LogRow) => ReplayedStep;
  /** Up to and including `to`. Empty when the run has no such events. */
  replay(run: RunRecord, to?: number): Promise<readonly ReplayedStep[]>;
}

export function createReplayer(
  machines: readonly AnyStateMachine[],
  runs: Pick<RunStore, "steps">,
): Replayer {
  const known = machines.map((machine) => ({
    machine,
    hash: structureHash(machine),
    transitions: transitionsOf(machine),
  }));

  function knownOf({ id, machine: name, hash }: Pick<RunRecord, "id" | "machine" | "hash">) {
    const found = known.find(({ machine, ...one }) => machine.id === name && one.hash === hash);
    if (found !== undefined) return found;
    const message = `Run ${id} belongs to another version of the machine; only its last snapshot can be shown.`;
    throw httpError("other_machine", message);
  }

  function begin(run: RunRecord): (row: LogRow) => ReplayedStep {
    const { transitions } = knownOf(run);
    let at: Step["snapshot"] | null = null;
    return (row) => {
      const event = JSON.parse(row.data) as EventObject;
      const before: Step["snapshot"] | null = at;
      const step = stepOf(transitions, before, event);
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

  return {
    machineOf: (run) => knownOf(run).machine,
    begin,
    replay: async (run, to = run.sequence) => {
      const step = begin(run);
      // Events of child actors are no steps of the machine itself.
      const rows = await runs.steps({ run: run.id, to });
      return rows.filter(({ actor }) => actor === undefined).map(step);
    },
  };
}

/** Null when the event changed nothing, or is the one the machine choked on. */
function stepOf(
  transitions: ReturnType<typeof transitionsOf>,
  before: Step["snapshot"] | null,
  event: EventObject,
): Step | null {
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

function isAlive({ children, status }: Step["snapshot"], child: string): boolean {
  return status === "active" && child in children;
}
