import { basename, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { codeOf } from "../../src/domain/failure.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { createWorker, pgBossDispatcher } from "../../src/fleet/index.ts";
import { consolidate } from "../engine/diligent.ts";
import { openJournal } from "./journal.ts";
import { openFleetStore } from "./store.ts";

/** One machine of a fleet, as a host would build it: a store, an engine and a worker. Its agent only takes its time. */
const env = process.env;
const number = (name: string, otherwise: number) => Number(env[name] ?? otherwise);
const { FLEET_NAME: name = "", FLEET_DISK: disk = "", FLEET_JOURNALS: journals = "", FLEET_STORE = "" } = env;
const agentMs = number("FLEET_AGENT_MS", 500);
const journal = openJournal(journals, name);

const store = await openFleetStore(FLEET_STORE, {
  ownerTtlMs: number("FLEET_TTL_MS", 5_000),
  patienceMs: number("FLEET_PATIENCE_MS", 60_000),
  connections: number("FLEET_CONNECTIONS", 4),
});

const agent = functionAgent(async ({ workspace, signal }) => {
  const run = basename(dirname(workspace));
  const space = engine.runs.getSnapshot().context.runs.get(run)?.space ?? "";
  journal.write({ type: "agent.begun", space, run });
  try {
    // Half to one and a half times as long, as agents are.
    await pause(agentMs * (0.5 + Math.random()), undefined, { signal });
    await consolidate(workspace);
    return "done";
  } finally {
    journal.write({ type: "agent.ended", space, run });
  }
});

const engine = createEngine({
  store,
  agent,
  home: join(disk, "home"),
  leaseSeconds: number("FLEET_LEASE_SECONDS", 3_600),
  heartbeatSeconds: number("FLEET_HEARTBEAT_SECONDS", 30),
});

engine.events$.subscribe((event) => {
  const { run, space } = event;
  if (event.type === "run.started")
    journal.write({ type: "run.started", space, run, adopted: event.adopted });
  if (event.type === "run.finished") {
    const { status, reason } = event.result;
    journal.write({ type: "run.finished", space, run, status, cause: reason?.cause ?? null });
  }
});

const dispatcher = env.FLEET_CARRIER === "pg-boss" ? await pgBossDispatcher({ url: FLEET_STORE }) : null;
const worker = createWorker({
  engine,
  store,
  ...(dispatcher && { dispatcher }),
  concurrency: number("FLEET_CONCURRENCY", 8),
  limits: {
    fleet: env.FLEET_LIMIT === undefined ? null : Number(env.FLEET_LIMIT),
    tenant: env.FLEET_TENANT_LIMIT === undefined ? null : Number(env.FLEET_TENANT_LIMIT),
  },
  name,
  onProblem: (_, error) =>
    journal.write({ type: "problem", code: codeOf(error) ?? "unexpected", message: String(error) }),
});

process.on("SIGTERM", async () => {
  await worker.drain();
  await engine.close();
  await store.close();
  process.exit(0);
});

// A test that was ended itself leaves nobody behind.
process.on("disconnect", () => process.exit(1));

await worker.start();
journal.write({ type: "ready" });
process.send?.("ready");
