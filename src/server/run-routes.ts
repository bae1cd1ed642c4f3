import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Context } from "hono";
import type { AnyStateMachine } from "xstate";
import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import type { Settings } from "../domain/settings.ts";
import type { Engine } from "../internal/engine.ts";
import {
  PHASE1_VERSION,
  PHASE2_VERSION,
  phase1Machine,
  phase2Machine,
  structureHash,
} from "../internal/machine.ts";
import * as answers from "./answers.ts";
import type {
  CancelAnswer,
  CoverageAnswer,
  FleetAnswer,
  MachineAnswer,
  SnapshotAnswer,
  StartAnswer,
} from "./api.ts";
import { type Feed, liveStream } from "./feed.ts";
import type { Replayer } from "./replay.ts";
import * as fields from "./request.ts";
import { httpError, type Route, route } from "./request.ts";
import {
  earlierEvents,
  exportRun,
  listRuns,
  listSessions,
  readRun,
  runDetail,
  summaryOf,
} from "./run-views.ts";

export interface RunRoutesDeps {
  readonly store: Store;
  /** Absent: the server only looks. */
  readonly engine: Pick<Engine, "start" | "cancel"> | undefined;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly replayer: Replayer;
  readonly notices: (() => readonly string[]) | undefined;
  readonly dueBy: Pick<Settings, "successCooldownSeconds" | "retries">;
}

/** Runs: listed, started, cancelled, and seen at any moment, past or live. */
export function runRoutes(deps: RunRoutesDeps): readonly Route[] {
  const { store, engine, clock, replayer } = deps;
  const detailDeps = () => ({ store, canStart: engine !== undefined, nowMs: clock.nowMs() });
  return [
    route({
      method: "get",
      path: "/runs",
      summary: "Runs, newest first.",
      query: fields.runsFields,
      answer: answers.runsAnswer,
      handle: async ({ query }) => {
        const notices = deps.notices?.() ?? [];
        return { ...(await listRuns(store.runs, query)), ...(notices.length > 0 && { notices }) };
      },
    }),
    route({
      method: "get",
      path: "/sessions",
      summary: "Sessions that agents keep here, newest first, each with what became of it.",
      query: fields.sessionsFields,
      answer: answers.sessionsAnswer,
      handle: ({ query }) => listSessions(store, query, clock.nowMs()),
    }),
    route({
      method: "get",
      path: "/fleet",
      summary: "Workers of this store, and what is due, admitted and running by tenant.",
      query: fields.fleetFields,
      answer: answers.fleetAnswer,
      handle: ({ query }) => fleetNow(deps, query.tenants),
    }),
    route({
      method: "post",
      path: "/runs",
      summary: "Starts a run of a space, or continues the one that a dead process left.",
      body: fields.startFields,
      answer: answers.startAnswer,
      status: 201,
      handle: ({ body }) => start(deps, body),
    }),
    route({
      method: "get",
      path: "/runs/:id",
      summary: "All that is known of one run.",
      answer: answers.runAnswer,
      handle: ({ params: { id = "" } }) => runDetail(id, detailDeps()),
    }),
    route({
      method: "get",
      path: "/runs/:id/events",
      summary: "Rows of a run's log before the ones that its page shows.",
      query: fields.eventsFields,
      answer: answers.eventsAnswer,
      handle: ({ params: { id = "" }, query }) => earlierEvents(store.runs, id, query),
    }),
    route({
      method: "get",
      path: "/runs/:id/at/:sequence",
      summary: "The machine after one of its events, replayed from the log.",
      answer: answers.snapshotAnswer,
      handle: ({ params: { id = "", sequence = "" } }) => snapshotAt(deps, id, sequence),
    }),
    route({
      method: "get",
      path: "/runs/:id/export",
      summary: "Everything the page shows of one run, as one document to keep.",
      answer: { mediaType: "application/json" },
      handle: async ({ params: { id = "" }, context }) => {
        const exported = await exportRun(id, { ...detailDeps(), replayer });
        // The id is known to the store, and in a header only its harmless characters are used.
        const name = exported.detail.run.id.replace(/[^a-z0-9-]/gi, "_");
        context.header("content-disposition", `attachment; filename="slowwave-run-${name}.json"`);
        return exported;
      },
    }),
    route({
      method: "post",
      path: "/runs/:id/cancel",
      summary: "Cancels a run, whichever process it works in.",
      answer: answers.cancelAnswer,
      handle: ({ params: { id = "" } }) => cancel(deps, id),
    }),
    route({
      method: "get",
      path: "/live",
      summary: "The log as it grows, as server-sent events; the token may stand in the query here.",
      query: fields.liveFields,
      answer: { mediaType: "text/event-stream" },
      handle: ({ query, context }) => live(deps, query, context),
    }),
  ];
}

async function fleetNow({ store, clock, dueBy }: RunRoutesDeps, tenants: number): Promise<FleetAnswer> {
  const { successCooldownSeconds, retries } = dueBy;
  const terms = { tenants, successCooldownSeconds, retries, nowMs: clock.nowMs() };
  return { ...(await store.admissions.overview(terms)), dueBy: { successCooldownSeconds, retries } };
}

async function start(
  { engine }: RunRoutesDeps,
  { space, now }: { readonly space?: string | undefined; readonly now?: boolean | undefined },
): Promise<StartAnswer> {
  if (engine === undefined) {
    throw httpError("looks_only", "This server only looks; start a run with `slowwave run`.");
  }
  const run = await engine.start({
    ...(space === undefined ? {} : { space }),
    ...(now === undefined ? {} : { now }),
  });
  // Nobody waits for its end here; the log tells it.
  run.result.catch(() => {});
  return { run: run.id, adopted: run.adopted };
}

async function cancel({ store, engine, clock }: RunRoutesDeps, run: string): Promise<CancelAnswer> {
  const { state, machine } = await readRun(store.runs, run);
  if (state !== "active") return { outcome: "over" };
  // A run that learns a session is not this engine's; its own process hears of it.
  if (engine === undefined || machine !== phase2Machine.id) {
    return { outcome: (await store.runs.requestCancel(run, clock.nowMs())) ? "requested" : "over" };
  }
  const outcome = await engine.cancel(run);
  if (outcome !== "cancelled") return { outcome };
  // A run beyond its point of no return goes on to its own end.
  const ended = summaryOf(await readRun(store.runs, run));
  return { outcome: ended.status === "cancelled" ? "cancelled" : "over" };
}

async function snapshotAt(
  { store, replayer }: RunRoutesDeps,
  id: string,
  number: string,
): Promise<SnapshotAnswer> {
  const to = fields.fieldsOf(fields.sequence, number);
  const step = (await replayer.replay(await readRun(store.runs, id), to)).at(-1);
  if (step?.row.sequence !== to) throw httpError("not_found", "The run has no machine event of this number.");
  return { sequence: to, value: step.value, snapshot: step.snapshot };
}

async function live(
  { feed, clock }: RunRoutesDeps,
  { after, run }: { readonly after?: number | undefined; readonly run?: string | undefined },
  context: Context<fields.ServerEnv>,
): Promise<Response> {
  const seen = context.req.header("last-event-id");
  const last = seen === undefined || seen === "" ? after : fields.fieldsOf(fields.sequence, seen);
  const stream = liveStream({
    feed,
    clock,
    run: run ?? null,
    after: last ?? (await feed.newest()),
    cut: () => context.env?.outgoing?.destroy(),
  });
  context.header("content-type", "text/event-stream; charset=utf-8");
  // Tells proxies not to collect what should arrive at once.
  context.header("x-accel-buffering", "no");
  return context.body(stream);
}

const MACHINES = {
  phase1: { machine: phase1Machine, version: PHASE1_VERSION },
  phase2: { machine: phase2Machine, version: PHASE2_VERSION },
} as const;

/** The statecharts, and what the path tests walked of them. `coverage`: phase 2's; null: where the path tests write it. */
export function machineRoutes({ coverage }: { readonly coverage: string | null }): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/machine",
      summary: "The statechart that every run of this machine follows.",
      query: fields.machineFields,
      answer: answers.machineAnswer,
      handle: async ({ query: { machine } }) => machineView(MACHINES[machine]),
    }),
    route({
      method: "get",
      path: "/coverage",
      summary: "Which transitions the path tests walked.",
      query: fields.machineFields,
      answer: answers.coverageAnswer,
      handle: ({ query: { machine } }) =>
        readCoverage(machine === "phase2" ? coverage : null, COVERAGE_FILES[machine]),
    }),
  ];
}

/** The machine as the page reads it: its resolved definition, where functions are told by name. */
function machineView({
  machine,
  version,
}: {
  readonly machine: AnyStateMachine;
  readonly version: string;
}): MachineAnswer {
  return {
    id: machine.id,
    version,
    hash: structureHash(machine),
    definition: JSON.parse(JSON.stringify(machine.definition)) as unknown,
  };
}

/** What the path tests wrote: beside the compiled server in a package, in the checkout else. */
const FOLDERS = ["../coverage/", "../../coverage/"];
const COVERAGE_FILES = { phase1: "paths-phase1.json", phase2: "paths.json" } as const;

/** Throws `coverage_missing` when there is none, or what is there is something else. */
async function readCoverage(file: string | null, name: string): Promise<CoverageAnswer> {
  const places =
    file === null
      ? FOLDERS.map((folder) => fileURLToPath(new URL(`${folder}${name}`, import.meta.url)))
      : [file];
  for (const place of places) {
    const found = await readFile(place, "utf8").then(coverageIn, () => null);
    if (found !== null) return found;
  }
  throw httpError("coverage_missing", "There is no coverage here; the path tests (`npm test`) write it.");
}

function coverageIn(text: string): CoverageAnswer | null {
  try {
    const found = JSON.parse(text) as Partial<CoverageAnswer>;
    return Array.isArray(found.transitions) && Array.isArray(found.paths) ? (found as CoverageAnswer) : null;
  } catch {
    return null;
  }
}
