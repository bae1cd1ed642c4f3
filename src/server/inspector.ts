import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { AnyStateMachine } from "xstate";
import type { LogRow, RunRecord, RunStore } from "../domain/run.ts";
import { type Feed, parsed } from "./feed.ts";
import type { ReplayedStep, Replayer } from "./replay.ts";
import { declineUpgrade, type GuardOptions, guard, httpError, requestTarget } from "./request.ts";
import { readRun } from "./run-views.ts";

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
type InspectionMessage = ActorMessage | EventMessage | SnapshotMessage;

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

function createMessageWriter(run: string, machine: AnyStateMachine): MessageWriter {
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
      const event = eventOf(row);
      return [
        ...births(run, key, children).map((birth) => actor(row.atMs, { snapshot, ...birth })),
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

/** Of a child actor, and of those above it, as far as they are not known; from here on they are. */
function births(run: string, key: string, known: Set<string>) {
  const names = key.split("/");
  const paths = names.map((_, at) => names.slice(0, at + 1).join("/")).filter((path) => !known.has(path));
  return paths.map((path) => {
    known.add(path);
    const above = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const parent = above === "" ? run : `${run}/actor/${above}`;
    const of = { session: `${run}/actor/${path}`, name: path, definition: { id: path }, parent };
    return path === key ? of : { ...of, snapshot: { status: "active" } };
  });
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

export interface RelayOptions extends StreamRunDeps, GuardOptions {
  readonly runs: Pick<RunStore, "read" | "log">;
  /** Where the app is mounted. */
  readonly base: string;
}

/** Stately's own page may listen; only someone who was given the token can make it. */
const STATELY = "https://stately.ai";
/** Listeners have nothing to say. */
const LONGEST_MESSAGE = 1_024;
const PING_MS = 30_000;

/**
 * `ws://HOST/api/inspect?run=ID&token=TOKEN`: a run for Stately's inspector, past or present, over WebSocket.
 * Hosts call `upgrade` for their server's `upgrade` event; it answers whether the address was its own, and never
 * throws: a client's request line or headers cannot end the host.
 */
export interface Relay {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

export function createRelay(options: RelayOptions): Relay {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LONGEST_MESSAGE,
    perMessageDeflate: false,
  });
  const closing = new AbortController();

  async function open(url: URL, request: IncomingMessage) {
    const { host, origin, authorization } = request.headers;
    guard(
      {
        host: host ?? null,
        origin: origin ?? null,
        authorization: authorization ?? null,
        queryToken: url.searchParams.get("token"),
        isWrite: false,
      },
      { ...options, origins: [STATELY] },
    );
    const run = url.searchParams.get("run");
    if (run === null) throw httpError("invalid_request", "Say which run: /api/inspect?run=ID.");
    return streamRun(await readRun(options.runs, run), options);
  }

  return {
    upgrade: (request, socket, head) => {
      const url = requestTarget(request.url);
      if (url?.pathname !== `${options.base}/api/inspect`) return false;
      socket.on("error", () => socket.destroy());
      open(url, request)
        .then((stream) => {
          sockets.handleUpgrade(request, socket, head, (peer) => serve(peer, stream, closing.signal));
        })
        .catch((error: unknown) => declineUpgrade(socket, error));
      return true;
    },
    close: () => {
      closing.abort();
      for (const peer of sockets.clients) peer.terminate();
      sockets.close();
    },
  };
}

function serve(peer: WebSocket, stream: ReturnType<typeof streamRun>, closing: AbortSignal): void {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, closing]);
  let isThere = true;
  // A peer that lost its network answers no ping; without one its socket would stay for hours.
  const pings = setInterval(() => {
    if (!isThere) peer.terminate();
    isThere = false;
    peer.ping();
  }, PING_MS);
  pings.unref();
  peer.on("pong", () => {
    isThere = true;
  });
  peer.on("error", () => peer.terminate());
  peer.on("close", () => {
    clearInterval(pings);
    gone.abort();
  });
  const send = (message: object) =>
    new Promise<void>((resolve, reject) => {
      peer.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
    });
  stream(send, signal).then(
    () => peer.close(1001),
    () => peer.terminate(),
  );
}

export interface StreamRunDeps {
  readonly runs: Pick<RunStore, "log">;
  readonly feed: Feed;
  readonly replayer: Replayer;
}

const PAGE = 500;
const PATIENCE_MS = 15_000;

/**
 * Begins to tell one run as inspector messages: all of its log, then on as it grows. Throws `other_machine` at
 * once; what it returns goes on until `signal` is raised. `send` is waited for, so that a slow reader holds
 * back one page and no more.
 */
export function streamRun(run: RunRecord, { runs, feed, replayer }: StreamRunDeps) {
  const replayed = replayer.begin(run);
  const writer = createMessageWriter(run.id, replayer.machineOf(run));
  return async (send: (message: InspectionMessage) => Promise<void>, signal: AbortSignal): Promise<void> => {
    let after = 0;
    const messagesOf = (row: LogRow) => {
      if (row.sequence === null) return writer.note(row);
      return row.actor === undefined ? writer.step(replayed(row)) : writer.child(row, row.actor);
    };
    const stream = async (rows: readonly LogRow[]) => {
      for (const row of rows) {
        const messages = messagesOf(row);
        for (const message of messages) {
          if (signal.aborted) return;
          await send(message);
        }
      }
    };
    for (let isWhole = false; !isWhole && !signal.aborted; ) {
      const page = await runs.log({ run: run.id, after, limit: PAGE });
      await stream(page);
      after = page.at(-1)?.id ?? after;
      isWhole = page.length < PAGE;
    }
    while (!signal.aborted) {
      const rows = await feed.next(after, { patienceMs: PATIENCE_MS, signal });
      await stream(rows.filter((row) => row.run === run.id));
      after = rows.at(-1)?.id ?? after;
    }
  };
}
