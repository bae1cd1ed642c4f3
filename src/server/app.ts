import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { Clock, Store } from "../domain/ports.ts";
import { type Engine, systemClock } from "../internal/engine.ts";
import { PHASE2_VERSION, phase2Machine } from "../internal/machine.ts";
import type { CancelAnswer, SnapshotAnswer, StartAnswer } from "./api.ts";
import { readCoverage } from "./coverage-file.ts";
import { exportRun } from "./export-run.ts";
import { createFeed } from "./feed.ts";
import { diffOf, listGenerations, readGeneration } from "./generations.ts";
import { guard } from "./guard.ts";
import { SAFE_HEADERS } from "./headers.ts";
import { createRelay } from "./inspector/relay.ts";
import { liveStream } from "./live-stream.ts";
import { machineView } from "./machine-view.ts";
import { openPage } from "./page.ts";
import { refolderOf } from "./refold.ts";
import { errorResponse, refuse } from "./refusal.ts";
import * as fields from "./request-fields.ts";
import { earlierEvents, readRun, runDetail } from "./run-detail.ts";
import { listRuns, summaryOf } from "./runs-list.ts";

export interface AppOptions {
  readonly store: Store;
  /** Absent: the app only looks. It starts nothing, and asks the run's own process to cancel. */
  readonly engine?: Pick<Engine, "start" | "cancel" | "events$">;
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

type Env = { Bindings: Partial<HttpBindings> };

export function createApp(options: AppOptions): App {
  const { store, engine, base = "" } = options;
  const clock = options.clock ?? systemClock;
  const feed = createFeed(store.runs, clock);
  const refolder = refolderOf(phase2Machine, store.runs);
  const relay = createRelay({
    ...{ runs: store.runs, feed, refolder, machine: phase2Machine, base },
    ...{ token: options.token, hosts: options.hosts ?? [] },
  });
  const heard = engine?.events$.subscribe(() => feed.wake());
  const page = openPage(options.page);
  const machine = machineView(phase2Machine, PHASE2_VERSION);
  const detailDeps = () => ({ store, canStart: engine !== undefined, nowMs: clock.nowMs() });

  const api = new Hono<Env>()
    .get("/runs", async (c) =>
      c.json(await listRuns(store.runs, fields.fieldsOf(fields.runsFields, c.req.query()))),
    )
    .post("/runs", async (c) => c.json(await start(await fields.bodyOf(c.req.raw)), 201))
    .get("/runs/:id", async (c) => c.json(await runDetail(c.req.param("id"), detailDeps())))
    .get("/runs/:id/events", async (c) => {
      const page = fields.fieldsOf(fields.eventsFields, c.req.query());
      return c.json(await earlierEvents(store.runs, c.req.param("id"), page));
    })
    .get("/runs/:id/at/:sequence", async (c) =>
      c.json(await momentOf(c.req.param("id"), c.req.param("sequence"))),
    )
    .get("/runs/:id/export", async (c) => {
      const exported = await exportRun(c.req.param("id"), { ...detailDeps(), refolder });
      // The id is known to the store, and in a header only its harmless characters are used.
      const name = exported.detail.run.id.replace(/[^a-z0-9-]/gi, "_");
      c.header("content-disposition", `attachment; filename="slowwave-run-${name}.json"`);
      return c.json(exported);
    })
    .post("/runs/:id/cancel", async (c) => {
      await fields.bodyOf(c.req.raw);
      return c.json(await cancel(c.req.param("id")));
    })
    .get("/live", (c) => live(c))
    .get("/machine", (c) => c.json(machine))
    .get("/coverage", async (c) => c.json(await readCoverage(options.coverage ?? null)))
    .get("/generations", async (c) => {
      return c.json(
        await listGenerations(store.generations, fields.fieldsOf(fields.generationsFields, c.req.query())),
      );
    })
    .get("/diff", async (c) => {
      const { from, to } = fields.fieldsOf(fields.diffFields, c.req.query());
      const origin = from ?? (await readGeneration(store.generations, to)).parent;
      return c.json(await diffOf(store.generations, { from: origin === "" ? null : origin, to }));
    })
    .all("*", () => {
      throw refuse("not_found", "The API has nothing at this address.");
    });

  const app = new Hono<Env>()
    .use(`${base}/api/*`, async (c, next) => {
      guard(knockOf(c, `${base}/api/live`), { token: options.token, hosts: options.hosts ?? [] });
      await next();
      for (const [name, value] of Object.entries(SAFE_HEADERS)) c.header(name, value);
      c.header("cache-control", "no-store");
    })
    .route(`${base}/api`, api)
    .get(`${base}/*`, (c) => {
      guard(knockOf(c, null), { token: null, hosts: options.hosts ?? [] });
      const path = new URL(c.req.url).pathname.slice(base.length);
      // Without the slash the page's relative addresses would lead beside it.
      return path === "" ? c.redirect(`${base}/`, 308) : page.answer(path.slice(1));
    })
    .notFound(() => errorResponse(refuse("not_found", "There is nothing at this address.")))
    .onError(errorResponse);

  async function start(body: unknown): Promise<StartAnswer> {
    if (engine === undefined) {
      throw refuse("looks_only", "This server only looks; start a run with `slowwave run`.");
    }
    const { space, now } = fields.fieldsOf(fields.startFields, body ?? {});
    const run = await engine.start({
      ...(space === undefined ? {} : { space }),
      ...(now === undefined ? {} : { now }),
    });
    // Nobody waits for its end here; the log tells it.
    run.result.catch(() => {});
    return { run: run.id, adopted: run.adopted };
  }

  async function cancel(run: string): Promise<CancelAnswer> {
    const { state } = await readRun(store.runs, run);
    if (state !== "active") return { outcome: "over" };
    if (engine === undefined) {
      return { outcome: (await store.runs.requestCancel(run, clock.nowMs())) ? "requested" : "over" };
    }
    const outcome = await engine.cancel(run);
    if (outcome !== "cancelled") return { outcome };
    // A run beyond its point of no return goes on to its own end.
    const ended = summaryOf(await readRun(store.runs, run));
    return { outcome: ended.status === "cancelled" ? "cancelled" : "over" };
  }

  async function momentOf(id: string, sequence: string): Promise<SnapshotAnswer> {
    const to = fields.fieldsOf(fields.sequence, sequence);
    const run = await readRun(store.runs, id);
    const folded = (await refolder.fold(run, to)).at(-1);
    if (folded?.row.sequence !== to)
      throw refuse("not_found", "The run has no machine event of this number.");
    return { sequence: to, value: folded.value, snapshot: folded.snapshot };
  }

  async function live(c: Context<Env>): Promise<Response> {
    const { after, run = null } = fields.fieldsOf(fields.liveFields, c.req.query());
    const seen = c.req.header("last-event-id");
    const last = seen === undefined || seen === "" ? after : fields.fieldsOf(fields.sequence, seen);
    const stream = liveStream({
      feed,
      clock,
      run,
      after: last ?? (await feed.newest()),
      cut: () => c.env?.outgoing?.destroy(),
    });
    c.header("content-type", "text/event-stream; charset=utf-8");
    // Tells proxies not to collect what should arrive at once.
    c.header("x-accel-buffering", "no");
    return c.body(stream);
  }

  return {
    fetch: async (request, env = {}) => app.fetch(request, env),
    upgrade: relay.upgrade,
    close: () => {
      heard?.unsubscribe();
      relay.close();
      feed.close();
    },
  };
}

function knockOf(c: Context<Env>, live: string | null) {
  const url = new URL(c.req.url);
  return {
    host: c.req.header("host") ?? url.host,
    origin: c.req.header("origin") ?? null,
    authorization: c.req.header("authorization") ?? null,
    queryToken: url.pathname === live ? url.searchParams.get("token") : null,
    isWrite: !["GET", "HEAD", "OPTIONS"].includes(c.req.method),
  };
}
