import { getAdjacencyMap } from "@xstate/graph";
import { describe, expect, test } from "vitest";
import type { AnyMachineSnapshot, EventObject } from "xstate";
import { outcomeOf } from "../../src/domain/status.ts";
import { dotted } from "../../src/durable/transition.ts";
import type { Phase2Context } from "../../src/machines/context.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { nameOf } from "./alphabet.ts";
import { INPUT, traversal } from "./graph.ts";

/**
 * Here nothing is left out of what tells two states apart: every combination of state and whole context that can be
 * reached is looked at, and every step between two of them.
 */
const states = Object.values(
  getAdjacencyMap(
    phase2Machine as never,
    {
      ...traversal,
      serializeState: (snapshot: AnyMachineSnapshot) => JSON.stringify([snapshot.value, snapshot.context]),
    } as never,
  ) as unknown as Record<string, Reached>,
);
const steps = states.flatMap(({ state, transitions }) =>
  Object.values(transitions).map(({ event, state: next }) => ({ before: state, event, after: next })),
);

describe("in every reachable state with its whole context", () => {
  test("there are thousands of them", () => {
    expect(states.length).toBeGreaterThan(2_000);
    expect(steps.length).toBeGreaterThan(6_000);
  });

  test("a run ends with a status that belongs to its final state", () => {
    const belongs: Record<string, (status: string) => boolean> = {
      succeeded: (status) => status.startsWith("succeeded"),
      skipped: (status) => status.startsWith("skipped_"),
      failed: (status) => /^(failed_|cancelled$|machine_lost$)/.test(status),
    };
    const ends = states.filter(({ state }) => state.status === "done");
    const wrong = ends.filter(({ state }) => !belongs[String(state.value)]?.(status(state) ?? "none"));
    expect(wrong.map(tellState)).toEqual([]);
  });

  test("only the success that is written is called one", () => {
    const early = states.filter(
      ({ state }) =>
        state.status === "active" &&
        status(state)?.startsWith("succeeded") &&
        !dotted(state.value).startsWith("succeeding"),
    );
    expect(early.map(tellState)).toEqual([]);
  });

  test("a run that fails says why: lost ownership and cancel by name, all else with a cause", () => {
    const silent = states.filter(
      ({ state }) =>
        state.value === "failed" &&
        (status(state) ?? "") !== "cancelled" &&
        (context(state).cause ?? "") === "",
    );
    expect(silent.map(tellState)).toEqual([]);
  });

  test("the cause of a failure is no success", () => {
    const odd = states.filter(({ state }) => (context(state).cause ?? "").includes("succeeded"));
    expect(odd.map(tellState)).toEqual([]);
  });

  test("what it was given never changes", () => {
    const given = Object.keys(INPUT) as (keyof typeof INPUT)[];
    const changed = states.filter(({ state }) => given.some((key) => context(state)[key] !== INPUT[key]));
    expect(changed.map(tellState)).toEqual([]);
  });

  test("no state but an end is without keepers of lease and deadline between the claim and the settling", () => {
    const unkept = states.filter(
      ({ state }) =>
        state.status === "active" &&
        !/^(claiming|succeeding|failing)/.test(dotted(state.value)) &&
        !["keepLease", "keepDeadline"].every((keeper) => keeper in state.children),
    );
    expect(unkept.map(tellState)).toEqual([]);
  });

  test("the job is settled exactly once: no settling state is left but to an end, to its sibling or to failing", () => {
    const settling = /^(succeeding|failing)/;
    const back = steps.filter(
      ({ before, after }) =>
        settling.test(dotted(before.value)) &&
        !/^(succeeding|failing|succeeded|failed)/.test(dotted(after.value)),
    );
    expect(back.map(tellStep)).toEqual([]);
  });

  test("a generation is there exactly after a publish", () => {
    const published = (event: EventObject) => nameOf(event) === "publishMemory: published";
    const wrong = steps.filter(
      ({ before, event, after }) =>
        context(after).generation !== (published(event) ? "next" : context(before).generation),
    );
    expect(wrong.map(tellStep)).toEqual([]);
  });
});

describe("in every step", () => {
  test("the first cause of a failure is kept", () => {
    const lost = steps.filter(
      ({ before, after }) =>
        status(before) !== null &&
        outcomeOf(status(before) as never) !== "succeeded" &&
        !(
          (status(after) === status(before) &&
            (context(after).cause ?? "").startsWith(context(before).cause ?? "")) ||
          (context(after).cause ?? "").startsWith(
            [status(before), context(before).cause].filter(Boolean).join(": "),
          )
        ),
    );
    expect(lost.map(tellStep)).toEqual([]);
  });

  test("counters never go back, but repairs with a restart", () => {
    const back = steps.filter(({ before, after }) => {
      const [was, is] = [context(before), context(after)];
      return is.restarts < was.restarts || (is.repairs < was.repairs && is.restarts === was.restarts);
    });
    expect(back.map(tellStep)).toEqual([]);
  });

  test("past the point of no return only the publish itself decides", () => {
    const interrupted = steps.filter(
      ({ before, event, after }) =>
        dotted(before.value) === "publishing.committing" &&
        !event.type.endsWith(".actor.publishMemory") &&
        JSON.stringify([before.value, before.context]) !== JSON.stringify([after.value, after.context]),
    );
    expect(interrupted.map(tellStep)).toEqual([]);
  });

  test("cancel is heard everywhere before that point: at once, or as soon as the claim is answered", () => {
    const deaf = steps.filter(({ before, event, after }) => {
      if (event.type !== "cancel" || /^(succeeding|failing)|committing$/.test(dotted(before.value)))
        return false;
      return before.value === "claiming" ? !context(after).cancelled : status(after) !== "cancelled";
    });
    expect(deaf.map(tellStep)).toEqual([]);
  });
});

interface Reached {
  readonly state: AnyMachineSnapshot;
  readonly transitions: Record<string, { readonly event: EventObject; readonly state: AnyMachineSnapshot }>;
}

function context(snapshot: AnyMachineSnapshot): Phase2Context {
  return snapshot.context as Phase2Context;
}

function status(snapshot: AnyMachineSnapshot): string | null {
  return context(snapshot).status;
}

function tellState({ state }: { state: AnyMachineSnapshot }): string {
  return `${dotted(state.value)} ${status(state)}: ${context(state).cause}`;
}

function tellStep(step: {
  before: AnyMachineSnapshot;
  event: EventObject;
  after: AnyMachineSnapshot;
}): string {
  return `${tellState({ state: step.before })} — ${nameOf(step.event)} → ${tellState({ state: step.after })}`;
}
