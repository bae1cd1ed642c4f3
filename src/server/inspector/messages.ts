import type { AnyStateMachine } from "xstate";
import type { LogRow } from "../../domain/run.ts";
import { parsed } from "../event-view.ts";
import type { ReplayedStep } from "../replay.ts";

/**
 * What Stately's inspector reads (`@statelyai/inspect` 0.7): three kinds of message about actors, each under a
 * session id. Ours are told from the log, so that a run can be seen at any time, finished and crashed ones too:
 *
 *   run                the machine itself
 *   run/sequence/child an actor it started: the key of the intent
 *   run/actor/key      an event of a child machine, under its path from the machine
 *   run/log            what was observed beside the machine: beats, what the agent says, findings
 *
 * Every row of the log is one `@xstate.event`, with the row's id.
 */
export type InspectionMessage = ActorMessage | EventMessage | SnapshotMessage;

interface Base {
  readonly _version: string;
  readonly rootId: string;
  readonly sessionId: string;
  /** Unix milliseconds as text. */
  readonly createdAt: string;
  readonly id: string | null;
}
export interface ActorMessage extends Base {
  readonly type: "@xstate.actor";
  readonly name: string;
  readonly parentId?: string;
  /** JSON text of the machine's config. */
  readonly definition: string;
  readonly snapshot: unknown;
}
export interface EventMessage extends Base {
  readonly type: "@xstate.event";
  readonly event: { readonly type: string };
  readonly sourceId?: string;
}
export interface SnapshotMessage extends Base {
  readonly type: "@xstate.snapshot";
  readonly event: { readonly type: string };
  readonly snapshot: unknown;
}

export const PROTOCOL = "0.7.2";

/** Turns one run's log into messages, row by row; it remembers which children live. */
export interface MessageWriter {
  /** A machine event with what it did. */
  step(replayed: ReplayedStep): readonly InspectionMessage[];
  /** An event of a child actor, under the actor's own session. */
  child(row: LogRow, key: string): readonly InspectionMessage[];
  /** An observation, or a machine event that cannot be replayed here. */
  note(row: LogRow): readonly InspectionMessage[];
}

export function createMessageWriter(run: string, machine: AnyStateMachine): MessageWriter {
  /** Session of each living child. */
  const sessions = new Map<string, string>();
  /** Keys of child actors that have been introduced. */
  const children = new Set<string>();
  let isLogIntroduced = false;
  const base = (atMs: number, sessionId: string, id: string | null = null): Base => ({
    _version: PROTOCOL,
    rootId: run,
    sessionId,
    createdAt: String(atMs),
    id,
  });
  const actor = (
    atMs: number,
    who: { session: string; name: string; definition: object; snapshot: unknown; parent: string | null },
  ): ActorMessage => ({
    ...base(atMs, who.session),
    type: "@xstate.actor",
    name: who.name,
    ...(who.parent === null ? {} : { parentId: who.parent }),
    definition: JSON.stringify(who.definition, functionsByName),
    snapshot: who.snapshot,
  });

  function started({ row, effects }: ReplayedStep): readonly InspectionMessage[] {
    return effects.flatMap((effect) => {
      if (effect.kind !== "start") return [];
      const session = `${run}/${row.sequence}/${effect.child}`;
      sessions.set(effect.child, session);
      const snapshot = { status: "active", input: effect.input };
      const who = { session, name: effect.child, definition: { id: effect.src }, snapshot, parent: run };
      return [actor(row.atMs, who)];
    });
  }

  /** Told with its end when the event is its own, as stopped when the machine let it go. */
  function ended({ row, event, ended }: ReplayedStep): readonly InspectionMessage[] {
    return ended.flatMap((child) => {
      const session = sessions.get(child);
      sessions.delete(child);
      if (session === undefined) return [];
      return [
        {
          ...base(row.atMs, session),
          type: "@xstate.snapshot",
          event,
          snapshot: lastOf(child, event),
        } as const,
      ];
    });
  }

  return {
    step: (replayed) => {
      const { row, event, snapshot } = replayed;
      const source = sessions.get(sourceOf(event.type) ?? "");
      const received: EventMessage = {
        ...base(row.atMs, run, String(row.id)),
        type: "@xstate.event",
        event,
        ...(source === undefined ? {} : { sourceId: source }),
      };
      const birth = { session: run, name: machine.id, definition: machine.config, snapshot, parent: null };
      return [
        ...(row.sequence === 0 ? [actor(row.atMs, birth)] : []),
        received,
        ...ended(replayed),
        ...started(replayed),
        { ...base(row.atMs, run), type: "@xstate.snapshot", event, snapshot },
      ];
    },
    child: (row, key) => {
      const session = `${run}/actor/${key}`;
      const snapshot = { status: "active", value: row.value };
      const isKnown = children.has(key);
      children.add(key);
      const above = key.includes("/") ? `${run}/actor/${key.slice(0, key.lastIndexOf("/"))}` : run;
      const birth = { session, name: key, definition: { id: key }, snapshot, parent: above };
      const event = eventOf(row);
      return [
        ...(isKnown ? [] : [actor(row.atMs, birth)]),
        { ...base(row.atMs, session, String(row.id)), type: "@xstate.event", event },
        { ...base(row.atMs, session), type: "@xstate.snapshot", event, snapshot },
      ];
    },
    note: (row) => {
      const session = `${run}/log`;
      const snapshot = { status: "active" };
      const log = { session, name: "log", definition: { id: "log" }, snapshot, parent: run };
      const birth = isLogIntroduced ? [] : [actor(row.atMs, log)];
      isLogIntroduced = true;
      return [
        ...birth,
        { ...base(row.atMs, session, String(row.id)), type: "@xstate.event", event: eventOf(row) },
      ];
    },
  };
}

function eventOf(row: LogRow): { readonly type: string } {
  const data = parsed(row.data);
  return { ...(isObject(data) ? data : { data }), type: row.type };
}

/** The child that an event came from; null for events from outside. */
function sourceOf(type: string): string | null {
  return /^xstate\.(?:done|error)\.actor\.(?<child>.+)$/.exec(type)?.groups?.child ?? null;
}

function lastOf(child: string, event: object & { readonly type: string }): object {
  const { output, error } = event as { output?: unknown; error?: unknown };
  if (event.type === `xstate.done.actor.${child}`) return { status: "done", output };
  return event.type === `xstate.error.actor.${child}` ? { status: "error", error } : { status: "stopped" };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As the inspector's own package writes them. */
function functionsByName(_: string, value: unknown): unknown {
  return typeof value === "function" ? { type: (value as { name: string }).name } : value;
}
