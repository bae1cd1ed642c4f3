import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import { type Controls, clockOf, type Engine } from "../internal/engine.ts";
import { PHASE2_VERSION, phase2Machine } from "../internal/machine.ts";
import { createFeed } from "./feed.ts";
import { guard } from "./guard.ts";
import { errorResponse, httpError, SAFE_HEADERS } from "./http-error.ts";
import { createRelay } from "./inspector/relay.ts";
import { machineRoutes } from "./machine-routes.ts";
import { memoryRoutes } from "./memory-routes.ts";
import { openApiDocument } from "./openapi.ts";
import { openPage } from "./page.ts";
import { createReplayer } from "./replay.ts";
import { requestCredentials, type ServerEnv } from "./request.ts";
import { addRoutes, type Route } from "./routes.ts";
import { runRoutes } from "./run-routes.ts";

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
  /** File of the path coverage; default: the one the path tests write. */
  readonly coverage?: string;
  readonly clock?: Clock;
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
 * @example
 * const app = createApp({ store, engine, token: null, base: "/memory" });
 * createServer(nodeListener(app)).listen(8080, "127.0.0.1");
 */
export function createApp(options: AppOptions): App {
  const { store, engine, base = "", maintenance } = options;
  const clock = clockOf(options.clock);
  const feed = createFeed(store.runs, clock);
  const replayer = createReplayer(phase2Machine, store.runs);
  const access = { token: options.token, hosts: options.hosts ?? [] };
  const relay = createRelay({ runs: store.runs, feed, replayer, machine: phase2Machine, base, ...access });
  const subscription = engine?.events$.subscribe(() => feed.wake());
  const routes = [
    ...runRoutes({ store, engine, clock, feed, replayer }),
    ...memoryRoutes({ generations: store.generations, maintenance }),
    ...machineRoutes({
      machine: phase2Machine,
      version: PHASE2_VERSION,
      coverage: options.coverage ?? null,
    }),
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
