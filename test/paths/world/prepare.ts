import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import type { AgentEvent } from "../../../src/domain/agent.ts";
import { SlowwaveError } from "../../../src/domain/failure.ts";
import type { JobRow } from "../../../src/domain/job.ts";
import type { Phase2Context } from "../../../src/machines/context.ts";
import { recordAttempt } from "../../../src/services/spawn-agent.ts";
import { type Process, SETTINGS } from "./process.ts";
import { RUN, type World } from "./world.ts";

export interface At {
  readonly world: World;
  readonly process: Process;
  readonly context: Phase2Context;
}

type Deed = (at: At) => void | Promise<void>;

const nothing: Deed = () => {};

/**
 * What has to be so in the world, that the real code gives this answer. Done before the actor is let off, and again
 * when it has to answer a second time after a crash.
 */
export const PREPARE: Readonly<Record<string, Deed>> = {
  "claimJob: claimed": nothing,
  "claimJob: claimed for a dry run": nothing,
  "claimJob: not dirty": async ({ world }) => {
    await world.change({ last_success_watermark: (await world.row())?.input_watermark ?? 0 });
  },
  "claimJob: running": async ({ world }) => {
    const lease_until = seconds(world) + 1_000;
    await world.change({ status: "running", ownership_token: "foreign", worker_id: "foreign", lease_until });
  },
  "claimJob: backing off": async ({ world }) => {
    await world.change({ status: "error", retry_at: seconds(world) + 1_000, last_error: "failed_agent" });
  },
  "claimJob: exhausted": async ({ world }) => {
    await world.change({ status: "error", retry_remaining: 0, last_error: "failed_agent" });
  },
  "claimJob: cooling down": async ({ world }) => {
    await world.change({ status: "done", finished_at: seconds(world) - 1, last_error: null });
  },
  "claimJob: error": fault("jobs.claim"),
  "configureAgent: ok": nothing,
  "configureAgent: error": fault("agent.probe"),
  "configureAgent: failed_sandbox_policy": ({ world }) => world.faults.once("agent.probe", sandboxError),
  "loadMemories: two inputs": nothing,
  "loadMemories: no input": ({ world }) => world.database.deleteInputs(),
  "loadMemories: error": fault("memories.select"),
  "syncSummaries: on a base": nothing,
  "syncSummaries: first of the space": nothing,
  "syncSummaries: error": fault("files.makeFolders"),
  "syncSummaries: failed_lost_ownership": async (at) => {
    mkdirSync(at.world.root, { recursive: true });
    writeFileSync(join(at.world.root, "MEMORY.md"), "# Mine\n\nEdited by hand.\n");
    await steal(at);
  },
  "syncRawMemories: changed": nothing,
  "syncRawMemories: unchanged": nothing,
  "syncRawMemories: error": fault("files.open"),
  "spawnAgent: spawned": nothing,
  "spawnAgent: stale": ({ world, context }) =>
    recordAttempt(world.staging, `${RUN}/agent/${context.restarts}`),
  "spawnAgent: error": fault("agent.spawn"),
  "spawnAgent: failed_subscribe_status": ({ world }) => world.agents.silenceNext(),
  "spawnAgent: failed_sandbox_policy": ({ world }) => world.faults.once("agent.spawn", sandboxError),
  "spawnAgent: failed_agent": ({ world }) => world.faults.once("agent.spawn", restlessError),
  "verifyArtifacts: passed": (at) => work(at, "v1\n\nWhat is worth knowing is new.\n"),
  "verifyArtifacts: repairable": (at) => work(at, "What is worth knowing is new.\n"),
  "verifyArtifacts: refused": (at) => {
    work(at, "v1\n");
    const skills = join(at.world.staging, "workspace", "skills");
    mkdirSync(skills, { recursive: true });
    for (let file = 0; file < 40; file += 1) writeFileSync(join(skills, `${file}.md`), "much\n");
  },
  "verifyArtifacts: error": fault("files.open"),
  "verifyArtifacts: machine_lost": ({ world }) => world.faults.once("files.open", lostError),
  "confirmOwnership: owner": nothing,
  "confirmOwnership: not the owner": steal,
  "confirmOwnership: error": fault("jobs.renew"),
  "publishMemory: published": nothing,
  "publishMemory: lost": steal,
  "publishMemory: error": fault("files.makeFolders"),
  "keepDraft: kept": nothing,
  "keepDraft: lost": steal,
  "keepDraft: error": fault("generations.keepDraft"),
  "closeAgent: closed": nothing,
  "closeAgent: error": ({ world }) => {
    if (world.agents.alive().length > 0) world.agents.makeUnkillable();
    else world.faults.once("agent.endOrphan");
  },
  "recordSuccess: applied": nothing,
  "recordSuccess: already": async ({ process, context, world }) => {
    const lease = process.lease();
    const watermark = context.completionWatermark ?? 0;
    const nowMs = world.clock.nowMs();
    if (lease === null) return;
    if (context.before === null) await process.store.jobs.succeed({ lease, watermark, nowMs });
    else await putBack({ process, context, world });
  },
  "recordSuccess: lost": steal,
  "recordSuccess: error": ({ world, context }) =>
    world.faults.twice(context.before === null ? "jobs.succeed" : "jobs.release"),
  "recordFailure: applied": nothing,
  "recordFailure: already": async ({ process, context, world }) => {
    const lease = process.lease();
    if (lease === null) return;
    const nowMs = world.clock.nowMs();
    const reason = context.status ?? "";
    const { retryDelaySeconds } = SETTINGS;
    if (context.before !== null) return putBack({ process, context, world });
    if (isReleased(context.status)) await process.store.jobs.release({ lease, reason, nowMs });
    else await process.store.jobs.fail({ lease, reason, retryDelaySeconds, nowMs });
  },
  "recordFailure: lost": steal,
  "recordFailure: error": ({ world, context }) =>
    world.faults.twice(isReleased(context.status) || context.before !== null ? "jobs.release" : "jobs.fail"),
};

/** What makes somebody say this to the run. While it happens, the actor whose answer is awaited is held. */
export const SAY: Readonly<Record<string, Deed>> = {
  cancel: ({ process }) => {
    void process.engine.cancel(RUN);
  },
  "lease.lost": async (at) => {
    await steal(at);
    at.world.clock.advance(SETTINGS.heartbeatSeconds * 1_000);
    await turns(at.world);
  },
  "lease.uncertain": async ({ world }) => {
    world.faults.always("jobs.renew");
    for (let second = 0; second < SETTINGS.leaseSeconds; second += 1) {
      world.clock.advance(1_000);
      await turns(world);
    }
    world.faults.mend();
  },
  "budget.reached": async ({ world, context }) => {
    world.clock.advance(Math.max(0, (context.deadlineAtMs ?? 0) - world.clock.nowMs()));
    await turns(world);
  },
  "agent.running": say({ type: "agent.running" }),
  "agent.completed": say({ type: "agent.completed", message: null }),
  "agent.errored": say({ type: "agent.errored", message: "the model refused" }),
  "agent.interrupted": say({ type: "agent.interrupted" }),
  "agent.shutdown": say({ type: "agent.shutdown" }),
  "agent.notFound": say({ type: "agent.notFound" }),
  "watchAgent: ended": ({ world }) => world.agents.alive().at(-1)?.said.complete(),
  "watchAgent: error": ({ world }) => world.agents.alive().at(-1)?.said.error(new Error("the stream broke")),
};

/** The job becomes someone else's, as after an expired lease. */
export async function steal({ world }: Pick<At, "world">): Promise<void> {
  const row = (await world.row()) as JobRow;
  const lease_until = seconds(world) + 1_000;
  await world.change({ ownership_token: "thief", worker_id: "thief", fence: row.fence + 1, lease_until });
}

/** Only told by a process that takes over a run whose agent died with its engine. */
export const GONE = "agent.gone";

/** What makes the row someone else's, or no longer what it was: the test changes it, not the engine. */
export const CHANGES_ROW: ReadonlySet<string> = new Set([
  "claimJob: not dirty",
  "claimJob: running",
  "claimJob: backing off",
  "claimJob: exhausted",
  "claimJob: cooling down",
  "syncSummaries: failed_lost_ownership",
  "confirmOwnership: not the owner",
  "publishMemory: lost",
  "keepDraft: lost",
  "recordSuccess: lost",
  "recordFailure: lost",
  "lease.lost",
]);

/** Enough turns of the event loop for the store and the files to answer, however long it takes, and for what hangs on that. */
export async function turns({ underWay }: Pick<World, "underWay">): Promise<void> {
  do {
    await Promise.allSettled(underWay);
    for (let count = 0; count < 8; count += 1) await turn();
  } while (underWay.size > 0);
}

/** Waits until an actor that was left behind reaches for nothing any more: its files are real, and take real time. */
export async function quiet(
  reached: () => number,
  world: Pick<World, "underWay" | "database">,
): Promise<void> {
  for (let before = -1; before !== reached(); ) {
    before = reached();
    await pause(world.database.restMs);
    await turns(world);
  }
}

function fault(call: string): Deed {
  return ({ world }) => world.faults.once(call);
}

/** The end of a dry run. */
async function putBack({ process, context, world }: At): Promise<void> {
  const lease = process.lease();
  const { before } = context;
  if (lease === null || before === null) return;
  await process.store.jobs.release({ lease, reason: "dry run", restore: before, nowMs: world.clock.nowMs() });
}

function sandboxError(): SlowwaveError {
  return new SlowwaveError("failed_sandbox_policy", "The agent can't be kept in its workspace.");
}

function lostError(): SlowwaveError {
  return new SlowwaveError("machine_lost", "the workspace of the run was on a machine that is gone");
}

function restlessError(): SlowwaveError {
  return new SlowwaveError("failed_agent", "the machines of 6 runs in a row were lost");
}

/** The row is released instead of being told of a failure. */
function isReleased(status: Phase2Context["status"]): boolean {
  return status === "cancelled" || status === "machine_lost";
}

function say(event: AgentEvent): Deed {
  return ({ world }) => world.agents.alive().at(-1)?.said.next(event);
}

/** An agent's turn: what it leaves in the workspace. */
function work({ world }: At, summary: string): void {
  const workspace = join(world.staging, "workspace");
  writeFileSync(
    join(workspace, "MEMORY.md"),
    "# Task Group: new\nscope: work\napplies_to: cwd=/w; reuse_rule=here\n",
  );
  writeFileSync(join(workspace, "memory_summary.md"), summary);
}

function seconds(world: World): number {
  return Math.floor(world.clock.nowMs() / 1_000);
}
