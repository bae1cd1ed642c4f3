import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { Hono } from "hono";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import { DEFAULT_SETTINGS, type Settings } from "../domain/settings.ts";
import { type Controls, clockOf, type Engine } from "../internal/engine.ts";
import { PHASE2_VERSION, phase1Machine, phase2Machine } from "../internal/machine.ts";
import { createFeed } from "./feed.ts";
import { createRelay } from "./inspector.ts";
import { memoryRoutes } from "./memory-routes.ts";
import { openApiDocument } from "./openapi.ts";
import { openPage } from "./page.ts";
import { createReplayer } from "./replay.ts";
import {
  addRoutes,
  declineUpgrade,
  errorResponse,
  guard,
  httpError,
  type Route,
  requestCredentials,
  requestTarget,
  SAFE_HEADERS,
  type ServerEnv,
} from "./request.ts";
import { machineRoutes, runRoutes } from "./run-routes.ts";

export interface AppOptions {
  readonly store: Store;
  /** Absent: the app only looks. It starts nothing, and asks the run's own process to cancel. */
  readonly engine?: Pick<Engine, "start" | "cancel" | "events$">;
  /** Absent: no memory can be rolled back or applied here. */
  readonly maintenance?: Pick<Controls, "rollback" | "apply">;
  /** Every API request needs it. Null: whoever mounts the app decides who may ask. */
  readonly token: string | null;
  /** Where the host mounts it, e.g. `/memory`. Default: at the root. */
  readonly base?: string;
  /** Names a request may be addressed to, beside the loopback ones, without port. */
  readonly hosts?: readonly string[];
  /** Folder of the built page; default: the one this package brings. */
  readonly page?: string;
  /** File of phase 2's path coverage; default: the one the path tests write. */
  readonly coverage?: string;
  readonly clock?: Clock;
  /** Sentences that the page shows the person above the runs, asked for with each list of them. */
  readonly notices?: () => readonly string[];
  /** By which of its settings the host's engine or workers decide what is due; default: those of an engine without any. */
  readonly settings?: Partial<Pick<Settings, "successCooldownSeconds" | "retries">>;
}

/** The page and the API of contract section 9 as a fetch handler, for a server of ours or the host's own. */
export interface App {
  /** `env` is what @hono/node-server gives; without it a stalled client is not cut off, only left waiting. */
  fetch(request: Request, env?: Partial<HttpBindings>): Promise<Response>;
  /** For the `upgrade` event of a node:http server: the inspector's stream. False: the address is not ours. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Ends the live streams. Store and engine stay the host's. */
  close(): void;
}

/**
 * The page and the API over a store. Nothing of it listens yet.
 *
 * ```ts
 * const app = createApp({ store, engine, token: null, base: "/memory" });
 * createServer(nodeListener(app)).listen(8080, "127.0.0.1");
 * ```
 */
export function createApp(options: AppOptions): App {
  const { store, engine, base = "", maintenance } = options;
  const clock = clockOf(options.clock);
  const feed = createFeed(store.runs, clock);
  const replayer = createReplayer([phase2Machine, phase1Machine], store.runs);
  const access = { token: options.token, hosts: options.hosts ?? [] };
  const relay = createRelay({ runs: store.runs, feed, replayer, base, ...access });
  const subscription = engine?.events$.subscribe(() => feed.wake());
  const routes = [
    ...runRoutes({
      ...{ store, engine, clock, feed, replayer },
      notices: options.notices,
      dueBy: { ...DEFAULT_SETTINGS, ...options.settings },
    }),
    ...memoryRoutes({ generations: store.generations, maintenance }),
    ...machineRoutes({ coverage: options.coverage ?? null }),
  ];
  const app = mounted({ routes, base, access, page: openPage(options.page) });
  return {
    fetch: async (request, env = {}) => app.fetch(request, env),
    upgrade: relay.upgrade,
    close: () => {
      subscription?.unsubscribe();
      relay.close();
      feed.close();
    },
  };
}

/** The routes behind the guard, and the page beside them. */
function mounted({
  routes,
  base,
  access,
  page,
}: {
  readonly routes: readonly Route[];
  readonly base: string;
  readonly access: { readonly token: string | null; readonly hosts: readonly string[] };
  readonly page: ReturnType<typeof openPage>;
}): Hono<ServerEnv> {
  const api = new Hono<ServerEnv>();
  addRoutes(api, routes);
  const description = openApiDocument(routes, PHASE2_VERSION);
  api
    .get("/openapi.json", (c) => c.json(description))
    .all("*", () => {
      throw httpError("not_found", "The API has nothing at this address.");
    });
  return new Hono<ServerEnv>()
    .use(`${base}/api/*`, async (c, next) => {
      guard(requestCredentials(c, `${base}/api/live`), access);
      await next();
      for (const [name, value] of Object.entries(SAFE_HEADERS)) c.header(name, value);
      c.header("cache-control", "no-store");
    })
    .route(`${base}/api`, api)
    .get(`${base}/*`, (c) => {
      guard(requestCredentials(c, null), { ...access, token: null });
      const path = new URL(c.req.url).pathname.slice(base.length);
      // Without the slash the page's relative addresses would lead beside it.
      return path === "" ? c.redirect(`${base}/`, 308) : page.answer(path.slice(1));
    })
    .notFound(() => errorResponse(httpError("not_found", "There is nothing at this address.")))
    .onError(errorResponse);
}

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
 *
 * ```ts
 * createServer(nodeListener(createApp({ store, engine, token: null }))).listen(8080, "127.0.0.1");
 * ```
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

/**
 * Serves the app on 127.0.0.1, and nowhere else. Rejects with `port_taken`.
 *
 * ```ts
 * const { port, close } = await listen({ app: createApp({ store, engine, token }), port: 4180 });
 * ```
 */
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
