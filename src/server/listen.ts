import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { SlowwaveError } from "../domain/failure.ts";
import type { App } from "./app.ts";
import { declineUpgrade, errorResponse, httpError } from "./http-error.ts";
import { requestTarget } from "./request.ts";

export interface ListenOptions {
  readonly app: Pick<App, "fetch" | "upgrade">;
  /** 0: any free one. */
  readonly port: number;
  /** How long a client may take for its headers, and for its whole request, in milliseconds. */
  readonly headersMs?: number;
  readonly requestMs?: number;
}

export interface Listening {
  readonly port: number;
  /** Ends every connection, streams included. */
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const MOST_CONNECTIONS = 1_000;

/**
 * The app for a node:http server of the host's own: `createServer(nodeListener(app))`. A request line or a header that
 * makes no request (`GET //`, no `Host`) is answered with 400 `invalid_request`; nothing a client sends reaches the
 * host as an exception.
 */
export function nodeListener(app: Pick<App, "fetch">) {
  return getRequestListener((request, env) => app.fetch(request, env as HttpBindings), {
    overrideGlobalObjects: false,
    errorHandler: (error) => {
      const isMalformed = error instanceof RequestError;
      return errorResponse(
        isMalformed ? httpError("invalid_request", "This is no valid HTTP request.") : error,
      );
    },
  });
}

/** Serves the app on 127.0.0.1, and nowhere else. Rejects with `port_taken`. */
export async function listen({
  app,
  port,
  headersMs = 10_000,
  requestMs = 30_000,
}: ListenOptions): Promise<Listening> {
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.max(10, Math.min(headersMs, requestMs) / 4),
      maxHeaderSize: 16 * 1024,
    },
    nodeListener(app),
  );
  server.maxConnections = MOST_CONNECTIONS;
  // Upgraded sockets are no longer the server's own; `closeAllConnections` passes them by.
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    if (app.upgrade(request, socket, head)) return;
    const isMalformed = requestTarget(request.url) === null;
    declineUpgrade(
      socket,
      isMalformed
        ? httpError("invalid_request", "This is no valid HTTP request.")
        : httpError("not_found", "There is no stream at this address."),
    );
  });
  await bound(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

async function bound(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const message = `Port ${port} cannot be listened on; choose another with --port, or 0 for any.`;
      reject(new SlowwaveError("port_taken", message, { cause: error }));
    });
    server.listen(port, LOOPBACK, resolve);
  });
}
