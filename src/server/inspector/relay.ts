import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { AnyStateMachine } from "xstate";
import type { LogRow, RunRecord, RunStore } from "../../domain/run.ts";
import type { Feed } from "../feed.ts";
import { type GuardOptions, guard } from "../guard.ts";
import { declineUpgrade, httpError } from "../http-error.ts";
import type { Replayer } from "../replay.ts";
import { requestTarget } from "../request.ts";
import { readRun } from "../run-detail.ts";
import { createMessageWriter, type InspectionMessage } from "./messages.ts";

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
  readonly machine: AnyStateMachine;
}

const PAGE = 500;
const PATIENCE_MS = 15_000;

/**
 * Begins to tell one run as inspector messages: all of its log, then on as it grows. Throws `other_machine` at
 * once; what it returns goes on until `signal` is raised. `send` is waited for, so that a slow reader holds
 * back one page and no more.
 */
export function streamRun(run: RunRecord, { runs, feed, replayer, machine }: StreamRunDeps) {
  const replayed = replayer.begin(run);
  const writer = createMessageWriter(run.id, machine);
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
