import type { AnyActorLogic, EventObject } from "xstate";
import type { Clock } from "../../domain/ports.ts";
import type { Intent } from "../../domain/run.ts";
import { leaves } from "./leaf.ts";

/** The committed intents of one run, and what runs for each: an actor, or a timer. */
export interface OpenIntents {
  has(key: string): boolean;
  keys(): readonly string[];
  /** Keys of those that speak for this child. */
  of(child: string): readonly string[];
  /** Whether this event is the last that this intent has to say. */
  isEndedBy(key: string, event: EventObject): boolean;
  /** What is open once these are stopped and these are opened, oldest first. */
  after(stopped: readonly string[], opened: readonly Intent[]): readonly Intent[];
  start(intent: Intent): void;
  /** It has said its last word; nothing is left to stop. */
  settle(key: string): void;
  stop(key: string): void;
}

export function openIntents(world: {
  readonly clock: Clock;
  readonly actors: Readonly<Record<string, AnyActorLogic>>;
  /** `from` is the intent's key. */
  tell(event: EventObject, from: string): void;
}): OpenIntents {
  const { clock, actors } = world;
  const runLeaf = leaves(clock);
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
    after(stopped, opened) {
      const left: Intent[] = [];
      for (const { intent } of open.values()) if (!stopped.includes(intent.key)) left.push(intent);
      return [...left, ...opened];
    },
    start(intent) {
      const { key, child, src, input } = intent;
      const running = { intent, stop: () => {} };
      open.set(key, running);
      const tell = (event: EventObject) => world.tell(event, key);
      if (intent.kind === "timer") {
        running.stop = arm(intent, () => tell(JSON.parse(input) as EventObject));
        return;
      }
      const logic = actors[src];
      if (logic === undefined) {
        const error = { code: "actor_missing", message: `No actor is provided for "${src}".` };
        tell({ type: `xstate.error.actor.${child}`, error, actorId: child } as EventObject);
        return;
      }
      running.stop = runLeaf(logic, { id: child, input: JSON.parse(input), tell });
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
