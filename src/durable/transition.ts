import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type ExecutableActionObject,
} from "xstate";
import { SlowwaveError } from "../domain/failure.ts";

/** One macrostep: where it led, and what it asks the world to do. */
export interface Step {
  readonly snapshot: AnyMachineSnapshot;
  readonly effects: readonly Effect[];
}

/** In the order in which the machine decided on them. */
export type Effect =
  | { readonly kind: "start"; readonly child: string; readonly src: string; readonly input: unknown }
  | { readonly kind: "timer"; readonly child: string; readonly event: EventObject; readonly delayMs: number }
  | { readonly kind: "stop"; readonly child: string }
  /** A custom action of the machine: run once, after the commit; not repeated after a crash. */
  | { readonly kind: "act"; readonly run: () => void };

/**
 * The pure side of XState, named as XState names it. One inert actor scope is kept and used for every step:
 * `transition()` of xstate builds a throw-away actor on each call, which costs about three times as much.
 */
export interface Transitions {
  initialTransition(input: unknown): Step;
  /** Null when the event changes nothing and asks for nothing. */
  transition(snapshot: AnyMachineSnapshot, event: EventObject): Step | null;
  persist(snapshot: AnyMachineSnapshot): string;
  /** Throws where the text is no state of this machine. */
  restore(snapshot: string): AnyMachineSnapshot;
}

export function transitionsOf(machine: AnyStateMachine): Transitions {
  // An actor of the machine that is never started: its system gives ids, nothing runs.
  const self = createActor(machine, { input: inputForScope }) as AnyActorRef & {
    system: AnyActorRef["system"];
  };
  let executed: ExecutableActionObject[] = [];
  const scope = {
    self,
    id: "",
    sessionId: "",
    system: self.system,
    logger: () => {},
    defer: () => {},
    emit: () => {},
    stopChild: () => {},
    actionExecutor: (action: ExecutableActionObject) => {
      executed.push(action);
    },
  };
  const collect = (step: () => AnyMachineSnapshot): Step => {
    executed = [];
    const snapshot = step();
    const effects = executed.map(effectOf).filter((effect) => effect !== null);
    executed.forEach(emptied);
    return { snapshot, effects };
  };
  return {
    initialTransition: (input) => collect(() => machine.getInitialSnapshot(scope as never, input)),
    transition: (snapshot, event) => {
      const step = collect(() => machine.transition(snapshot, event, scope as never));
      return step.effects.length === 0 && isSame(snapshot, step.snapshot) ? null : step;
    },
    persist: (snapshot) => JSON.stringify(machine.getPersistedSnapshot(snapshot)),
    restore: (text) => {
      const kept = JSON.parse(text) as { status?: unknown };
      const actor = createActor(machine, { snapshot: kept as never, input: undefined as never });
      const restored = actor.getSnapshot() as AnyMachineSnapshot;
      // XState turns what it chokes on into a state of error, which this run never had.
      if (restored.status === "error" && kept.status !== "error") throw restored.error;
      return restored;
    },
  };
}

/** Building the scope evaluates the machine's context function once; whatever it reads, it finds something. */
const inputForScope: object = new Proxy(
  {},
  { get: (_, key) => (key === Symbol.toPrimitive ? () => "" : undefined), has: () => true },
);

/** A forbidden or unhandled event gives an equal snapshot, not always the identical one. */
function isSame(before: AnyMachineSnapshot, after: AnyMachineSnapshot): boolean {
  return (
    before === after ||
    (before.status === after.status &&
      before.context === after.context &&
      before.children === after.children &&
      JSON.stringify(before.value) === JSON.stringify(after.value))
  );
}

/**
 * XState's own list of these lands among V8's old objects, and there, though long dropped, would keep each step's
 * actors until the next full collection: at many runs a fifth of the time went into copying them about.
 */
function emptied(action: Partial<ExecutableActionObject>): void {
  action.params = undefined as never;
  action.info = undefined as never;
  action.exec = undefined;
}

function effectOf(action: ExecutableActionObject): Effect | null {
  const params = action.params as Record<string, unknown> | undefined;
  switch (action.type) {
    case "xstate.spawnChild":
      // XState names what has no name by its position, which is another one as soon as states move.
      if (typeof params?.src !== "string" || params.src.startsWith("xstate.invoke.")) {
        throw new SlowwaveError(
          "inline_actor",
          `The actor "${String(params?.id)}" has no name: give it one in setup({ actors }), so that it can be found after a restart.`,
        );
      }
      return { kind: "start", child: String(params.id), src: params.src, input: params.input ?? null };
    case "xstate.stopChild":
      // The params are the actor itself; null when nothing of that name lives.
      return params === undefined ? null : { kind: "stop", child: String(params.id) };
    case "xstate.raise":
      // Without a delay it has been processed within this very step.
      if (typeof params?.delay !== "number") return null;
      return {
        kind: "timer",
        child: String(params.id ?? `raise.${(params.event as EventObject).type}`),
        event: params.event as EventObject,
        delayMs: params.delay,
      };
    case "xstate.cancel":
      return { kind: "stop", child: String((params as unknown as { sendId?: string })?.sendId ?? params) };
    case "xstate.sendTo":
    case "xstate.emit":
      throw new SlowwaveError(
        "unsupported_action",
        `The durable engine cannot repeat "${action.type}" safely; use an invoked actor or a plain action instead.`,
      );
    default: {
      const { exec, info, params: given } = action;
      return { kind: "act", run: () => exec?.(info, given) };
    }
  }
}

/** `syncing.rawMemories`; parallel regions are joined by `+`. */
export function dotted(value: unknown): string {
  if (typeof value === "string") return value;
  return Object.entries(value as Record<string, unknown>)
    .map(([key, inner]) => (isEmpty(inner) ? key : `${key}.${dotted(inner)}`))
    .join("+");
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
