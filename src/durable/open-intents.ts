import type { AnyActorLogic, EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Clock } from "../domain/ports.ts";
import type { Intent } from "../domain/run.ts";
import type { RunLeaf } from "./leaf.ts";
import { type PlainEvent, plainEvent } from "./plain-event.ts";
import type { Plan } from "./plan.ts";

/** The committed intents of one run, and what runs for each: an actor, or a timer. */
export interface OpenIntents {
  has(key: string): boolean;
  keys(): readonly string[];
  /** Keys of those that speak for this child. */
  of(child: string): readonly string[];
  /** Whether this event is the last that this intent has to say. */
  isEndedBy(key: string, event: EventObject): boolean;
  /** What is open once the plan is carried out, oldest first. */
  after(plan: Plan): readonly Intent[];
  start(intent: Intent): void;
  /** It has said its last word; nothing is left to stop. */
  settle(key: string): void;
  stop(key: string): void;
}

export function openIntents(world: {
  readonly clock: Clock;
  readonly actors: Readonly<Record<string, AnyActorLogic>>;
  readonly runLeaf: RunLeaf;
  /** `from` is the intent's key. */
  tell(said: PlainEvent, from: string): void;
}): OpenIntents {
  const { clock, actors, runLeaf } = world;
  const open = new Map<string, { readonly intent: Intent; stop: () => void }>();

  /** Due times are wall clock, so that they survive a restart; long waits are cut into what a timer can hold. */
  const arm = (intent: Intent, ring: () => void): (() => void) => {
    let handle: unknown;
    const wait = () => {
      const left = (intent.dueAtMs ?? 0) - clock.nowMs();
      handle =
        left > LONGEST_TIMER_MS
          ? clock.setTimeout(wait, LONGEST_TIMER_MS)
          : clock.setTimeout(ring, Math.max(0, left));
    };
    wait();
    return () => clock.clearTimeout(handle);
  };

  return {
    has: (key) => open.has(key),
    keys: () => [...open.keys()],
    of: (child) => [...open.values()].flatMap(({ intent }) => (intent.child === child ? [intent.key] : [])),
    isEndedBy(key, event) {
      const intent = open.get(key)?.intent;
      if (intent === undefined) return false;
      if (intent.kind === "timer") return true;
      const { child } = intent;
      return event.type === `xstate.done.actor.${child}` || event.type === `xstate.error.actor.${child}`;
    },
    after({ stopped, opened }) {
      const left: Intent[] = [];
      for (const { intent } of open.values()) if (!stopped.includes(intent.key)) left.push(intent);
      return [...left, ...opened];
    },
    start(intent) {
      const { key, child, src, input } = intent;
      const running = { intent, stop: () => {} };
      open.set(key, running);
      if (intent.kind === "timer") {
        running.stop = arm(intent, () => world.tell({ event: JSON.parse(input), text: input }, key));
        return;
      }
      const fail = (error: unknown) => {
        const event = { type: `xstate.error.actor.${child}`, error, actorId: child };
        world.tell(plainEvent(event), key);
      };
      let isBroken = false;
      const tell = (event: EventObject) => {
        try {
          world.tell(plainEvent(event), key);
        } catch (error) {
          // What JSON can't hold can't be recorded: that is the actor's failure, and its end.
          isBroken = true;
          running.stop();
          fail(error);
        }
      };
      const logic = actors[src];
      if (logic === undefined) {
        fail(new SlowwaveError("actor_missing", `No actor is provided for "${src}".`));
        return;
      }
      try {
        running.stop = runLeaf(logic, { id: child, input: JSON.parse(input), tell });
      } catch (error) {
        fail(error);
      }
      // It may say so while it is being started.
      if (isBroken) running.stop();
    },
    settle: (key) => void open.delete(key),
    stop(key) {
      const running = open.get(key);
      open.delete(key);
      running?.stop();
    },
  };
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
