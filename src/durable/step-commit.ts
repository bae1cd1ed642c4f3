import type { AnyMachineSnapshot } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import {
  type ActorRow,
  type CommitRequest,
  type Intent,
  type RunMessage,
  WHOLE_STATE_EVERY,
} from "../domain/run.ts";
import type { StatePatch } from "../domain/state-patch.ts";
import type { ActorRef, ActorState } from "./actor-ref.ts";
import type { ActorSystem } from "./actor-system.ts";
import { persistChild, persistHistory } from "./persisted-machine.ts";
import type { PlainEvent, Values } from "./plain-event.ts";
import { rootText } from "./stored-actors.ts";
import { dotted } from "./transition.ts";

/** What the store is asked to commit for one step. One shape for all of them, which V8 reads faster than literals. */
export class StepCommit {
  readonly run: string;
  readonly fence: number;
  readonly sequence: number;
  readonly atMs: number;
  readonly event: string;
  readonly eventType: string;
  readonly value: string;
  readonly state: CommitRequest["state"];
  readonly intents: readonly Intent[];
  readonly actor: string | undefined;
  readonly patch: string | undefined;
  messages: readonly RunMessage[] | undefined = undefined;
  actors: readonly ActorRow[] | undefined = undefined;
  removed: readonly string[] | undefined = undefined;
  signals: readonly number[] | undefined = undefined;
  readonly #system: ActorSystem;
  #snapshot: string | null = null;

  /** Throws `not_json` where the whole state is to be written and cannot be. */
  constructor(
    system: ActorSystem,
    step: Pick<StepCommit, "fence" | "sequence" | "atMs" | "value" | "state" | "actor" | "patch"> & {
      readonly plain: PlainEvent;
    },
  ) {
    const { fence, sequence, atMs, plain, value, state, actor, patch } = step;
    this.run = system.run;
    this.fence = fence;
    this.sequence = sequence;
    this.atMs = atMs;
    this.event = plain.text;
    this.eventType = plain.event.type;
    this.value = value;
    this.state = state;
    this.intents = system.root.intents;
    this.actor = actor;
    this.patch = patch;
    this.#system = system;
    if (patch === undefined) this.#snapshot = rootText(system);
  }

  /** Where there is a patch, only stores that keep none ask for it, before the run goes on. */
  get snapshot(): string {
    this.#snapshot ??= rootText(this.#system);
    return this.#snapshot;
  }
}

/** What a run that its own program ended says of it: `not_json` where the program brought in what cannot be kept. */
export function machineFailure(message: string, cause: unknown): SlowwaveError {
  const isNotJson = cause instanceof SlowwaveError && cause.code === "not_json";
  return new SlowwaveError(isNotJson ? "not_json" : "machine_threw", message, { cause });
}

/** The last commit of a run whose program threw: it ends in error, with its root machine as it was last committed. */
export function failedRequest(
  system: ActorSystem,
  {
    plain,
    last,
    ...at
  }: Pick<CommitRequest, "fence" | "sequence" | "atMs"> & {
    readonly plain: PlainEvent;
    readonly last: AnyMachineSnapshot;
  },
): CommitRequest {
  const children = [...system.living()].map(({ key }) => key).filter((key) => key !== "");
  return {
    run: system.run,
    ...at,
    event: plain.text,
    eventType: plain.event.type,
    value: dotted(last.value),
    snapshot: textBefore(system, last),
    state: "error",
    intents: [],
    ...(children.length === 0 ? {} : { removed: children }),
  };
}

/** The root machine as it was last committed. */
function textBefore(system: ActorSystem, last: AnyMachineSnapshot): string {
  const { root } = system;
  const now = root.state;
  root.state = last;
  try {
    return rootText(system);
  } catch {
    return JSON.stringify({ status: "error", value: last.value, context: {}, children: {} });
  } finally {
    root.state = now;
  }
}

/** What each step of a run changes of what the store has of its root machine. */
export class StatePatches {
  readonly #system: Pick<ActorSystem, "root" | "values" | "run">;
  /** Null where it is not known what the store has. */
  #saved: Saved | null = null;
  #sinceWhole = 0;

  constructor(system: Pick<ActorSystem, "root" | "values" | "run">) {
    this.#system = system;
  }

  /** What was changed since the last call, as text; undefined where the whole state is to be written. */
  next(): string | undefined {
    const { root, values, run } = this.#system;
    const saved = this.#saved;
    this.#saved = values.isJson ? savedOf(root) : null;
    const isDue = this.#sinceWhole + 1 >= WHOLE_STATE_EVERY;
    const patch = saved === null || isDue ? null : patchOf(saved, root);
    this.#sinceWhole = patch === null ? 0 : this.#sinceWhole + 1;
    return patch === null ? undefined : patchText(patch, values, run);
  }
}

interface Saved {
  readonly snapshot: AnyMachineSnapshot;
  readonly intents: readonly Intent[];
  /** Children change where they stand without their parent's doing. */
  readonly children: readonly (readonly [ActorRef, ActorState])[];
}

function savedOf(root: ActorRef): Saved {
  const snapshot = root.state as AnyMachineSnapshot;
  const children = childrenOf(snapshot).map((child) => [child, child.state] as const);
  return { snapshot, intents: root.intents, children };
}

/**
 * What to add to what the store has. An assignment may have changed objects of the context in place, so all of them
 * are taken as changed where the context is another one. Null where only the whole state says it.
 */
function patchOf(saved: Saved, root: ActorRef): StatePatch | null {
  const before = saved.snapshot;
  const after = root.state as AnyMachineSnapshot;
  if (before.status !== "active" || after.status !== "active") return null;
  const patch: { -readonly [Part in keyof StatePatch]: StatePatch[Part] } = {};
  if (before.value !== after.value) patch.value = after.value;
  if (before.historyValue !== after.historyValue) patch.historyValue = persistHistory(after.historyValue);
  if (before.context !== after.context) {
    if (!isPlain(before.context) || !isPlain(after.context)) return null;
    patchContext(patch, before.context, after.context);
  }
  patchChildren(patch, saved, after);
  if (saved.intents !== root.intents) {
    const { opened, closed } = intentsChanged(saved.intents, root.intents);
    if (opened.length > 0) patch.opened = opened;
    if (closed.length > 0) patch.closed = closed;
  }
  return patch;
}

/** Few lists are long; below that, sets cost more than looking. */
const SHORT_LIST = 16;

function intentsChanged(before: readonly Intent[], after: readonly Intent[]) {
  if (before.length > SHORT_LIST || after.length > SHORT_LIST) {
    const known = new Set(before);
    const left = new Set(after.map(({ key }) => key));
    const opened = after.filter((intent) => !known.has(intent));
    return { opened, closed: before.flatMap(({ key }) => (left.has(key) ? [] : [key])) };
  }
  const opened: Intent[] = [];
  const closed: string[] = [];
  for (const intent of after) if (!before.includes(intent)) opened.push(intent);
  for (const { key } of before) if (!after.some((intent) => intent.key === key)) closed.push(key);
  return { opened, closed };
}

/**
 * The patch as JSON. Throws `not_json` where what the machine made cannot be kept; intents are ours, and their inputs
 * are texts already.
 */
function patchText(patch: StatePatch, values: Values, run: string): string {
  const { opened, closed, ...state } = patch;
  const text = values.textOf(state, `The state of run ${run}`);
  if (opened === undefined && closed === undefined) return text;
  const intents = JSON.stringify({ opened, closed });
  return text === "{}" ? intents : `${text.slice(0, -1)},${intents.slice(1)}`;
}

type Parts = Readonly<Record<string, unknown>>;

function patchContext(
  patch: { context?: StatePatch["context"]; dropped?: StatePatch["dropped"] },
  before: Parts,
  after: Parts,
): void {
  const changed: Record<string, unknown> = {};
  const dropped: string[] = [];
  for (const name in after) {
    const part = after[name];
    if (isKept(part)) {
      if (part !== before[name] || typeof part === "object") changed[name] = part;
    } else if (isKept(before[name])) dropped.push(name);
  }
  for (const name in before) if (!(name in after)) dropped.push(name);
  patch.context = changed;
  if (dropped.length > 0) patch.dropped = dropped;
}

function patchChildren(
  patch: { children?: StatePatch["children"] },
  saved: Saved,
  after: AnyMachineSnapshot,
): void {
  const changed: Record<string, unknown> = {};
  let isChanged = false;
  for (const child of childrenOf(after)) {
    if (saved.children.some(([ref, state]) => ref === child && state === child.state)) continue;
    changed[child.id] = persistChild(child);
    isChanged = true;
  }
  const children = after.children as Record<string, unknown>;
  for (const [{ id }] of saved.children) {
    if (children[id] !== undefined) continue;
    changed[id] = null;
    isChanged = true;
  }
  if (isChanged) patch.children = changed;
}

/** Functions and what is undefined are no JSON. */
function isKept(part: unknown): boolean {
  return part !== undefined && typeof part !== "function";
}

function isPlain(context: unknown): context is Parts {
  return typeof context === "object" && context !== null && !Array.isArray(context);
}

function childrenOf({ children }: AnyMachineSnapshot): readonly ActorRef[] {
  const found: ActorRef[] = [];
  for (const id in children) {
    const child = (children as unknown as Record<string, ActorRef | undefined>)[id];
    if (child !== undefined) found.push(child);
  }
  return found;
}
