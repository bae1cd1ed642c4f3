import { Observable, type Subscriber } from "rxjs";
import { type EventObject, fromEventObservable, fromPromise } from "xstate";
import type { Phase2Event } from "../../src/domain/phase2.ts";
import type { Actors } from "../../src/durable/options.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";

/** Actors that do nothing until they are told what to say. */
export interface Script {
  readonly actors: Actors;
  /** Lets the actor whose word this is say it. False when it does not live, or when it is nobody's word. */
  say(event: EventObject): boolean;
}

const STREAMS = new Set(["keepLease", "keepDeadline", "watchAgent"]);

export function script(): Script {
  const waiting = new Map<string, { done: (output: unknown) => void; fail: (error: unknown) => void }>();
  const talking = new Map<string, Subscriber<Phase2Event>>();

  const asked = fromPromise(
    ({ self }) => new Promise<unknown>((done, fail) => void waiting.set(self.id, { done, fail })),
  );
  const streaming = fromEventObservable<Phase2Event, never>(
    ({ self }) =>
      new Observable((to) => {
        talking.set(self.id, to);
        return () => void talking.delete(self.id);
      }),
  );

  return {
    actors: Object.fromEntries(
      Object.keys(phase2Machine.implementations.actors).map((name) => [
        name,
        STREAMS.has(name) ? streaming : asked,
      ]),
    ) as Actors,
    say(event) {
      const [, end, id = ""] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event.type) ?? [];
      if (end === undefined) {
        const speaker = talking.get(speakerOf(event));
        speaker?.next(event as Phase2Event);
        return speaker !== undefined;
      }
      const { output, error } = event as EventObject & {
        output?: unknown;
        error?: { message: string; code?: string };
      };
      const thrown = end === "error" ? Object.assign(new Error(error?.message), { code: error?.code }) : null;
      const stream = talking.get(id);
      const promise = waiting.get(id);
      waiting.delete(id);
      if (thrown === null) {
        stream?.complete();
        promise?.done(output);
      } else {
        stream?.error(thrown);
        promise?.fail(thrown);
      }
      return stream !== undefined || promise !== undefined;
    },
  };
}

function speakerOf({ type }: EventObject): string {
  if (type.startsWith("agent.")) return "watchAgent";
  if (type.startsWith("lease.")) return "keepLease";
  return type === "budget.reached" ? "keepDeadline" : "";
}
