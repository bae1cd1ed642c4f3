import type { AgentRunner } from "../../../src/domain/agent.ts";
import type { Clock, Ids } from "../../../src/domain/clock.ts";
import type { RunEvent } from "../../../src/domain/event.ts";
import type { Lease } from "../../../src/domain/job.ts";
import type { LocalStore } from "../../../src/domain/ports.ts";
import type { Settings } from "../../../src/domain/settings.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { nodeFiles } from "../../../src/files/node-files.ts";
import { type Brake, brake } from "./brake.ts";
import { type CommitGate, commitGate } from "./commit-gate.ts";
import { counting, countingFiles, never, overriding, type Passage, throughPassage } from "./ports.ts";
import { RUN, type World } from "./world.ts";

/** Short enough that a lease can come near its end within a few beats. */
export const SETTINGS = {
  leaseSeconds: 10,
  heartbeatSeconds: 5,
  retryDelaySeconds: 600,
  successCooldownSeconds: 60,
  maxRunMinutes: 10,
  maxSilenceMinutes: null,
} as const satisfies Partial<Settings>;

/** One engine with everything it holds; it can die between any two instructions that touch the world. */
export interface Process {
  readonly engine: Engine;
  /** The real store, past all brakes and faults. */
  readonly store: LocalStore;
  readonly gate: CommitGate;
  /** Holds what the actors do; never heartbeats, takeovers and the run's log. */
  readonly brake: Brake;
  readonly told: readonly RunEvent[];
  /** How often the actors of the run have reached for the world. */
  reached(): number;
  /** Wall clock of the last time the lease was given or prolonged; null before the claim. */
  leasedAtMs(): number | null;
  lease(): Lease | null;
  /** Everything is dropped at once; the kernel frees what the process had locked. */
  kill(): Promise<void>;
}

/** Takes a guard away from what the engine is given. */
export type Sabotage = (whole: Whole) => Whole;

interface Whole {
  readonly store: LocalStore;
  readonly runner: AgentRunner;
}

let processes = 0;

/**
 * `asksForOwnership`: whether the run stands where it asks whether the job is still its own.
 * `brakes`: hold the actors as soon as a run is taken over.
 */
export async function startProcess(
  world: World,
  options: {
    readonly asksForOwnership: () => boolean;
    readonly brakes?: boolean;
    readonly sabotage?: Sabotage;
  },
): Promise<Process> {
  processes += 1;
  const worker = `worker-${processes}`;
  let leasedAtMs: number | null = null;
  const opened = await world.openStore();
  const noticing = overriding(opened.jobs, {
    renew: async (leases, times) => {
      // A call may have been held up since it was asked for: such a store goes by the time at which it comes.
      const nowMs = opened.clock === "store" ? world.clock.nowMs() : times.nowMs;
      const answer = await opened.jobs.renew(leases, times);
      if (answer.lost.length === 0) leasedAtMs = nowMs;
      return answer;
    },
  });
  const store: LocalStore = {
    ...opened,
    jobs: counting(noticing, world.underWay),
    runs: counting(opened.runs, world.underWay),
    memories: counting(opened.memories, world.underWay),
    generations: counting(opened.generations, world.underWay),
    liveness: counting(opened.liveness, world.underWay),
  };
  const { store: used, runner } = (options.sabotage ?? ((whole) => whole))({
    store,
    runner: world.agents.runner,
  });
  const gate = commitGate();
  const held = brake();
  const told: RunEvent[] = [];
  let dead = false;
  let lease: Lease | null = null;
  let ringing = false;
  let renewals = 0;
  let reached = 0;

  const passage: Passage = {
    isDead: () => dead,
    enter(call) {
      if (call === "jobs.renew") {
        renewals += 1;
        // Heartbeats come with the clock or as a keeper's first deed; all else is the question for ownership.
        return ringing || renewals === 1 || !options.asksForOwnership() ? null : held.passed();
      }
      if (!BRAKED.test(call)) return null;
      reached += 1;
      return held.passed();
    },
    fault: (call) => (call.startsWith("agent.") ? null : world.faults.of(call)),
    leave(call, request, answer) {
      const { nowMs } = (request ?? {}) as { nowMs?: number };
      if (call === "jobs.claim" && (answer as { kind: string }).kind === "claimed") {
        const { space, token } = request as Lease;
        lease = { space, token, fence: (answer as { fence: number }).fence };
        leasedAtMs = nowMs ?? null;
      }
      if (call === "jobs.takeOver") {
        if (options.brakes) held.on();
        lease = answer as Lease | null;
        if (lease !== null) leasedAtMs = nowMs ?? null;
      }
    },
  };
  const runs = throughPassage("runs", used.runs, passage);
  const gated: LocalStore = {
    ...used,
    jobs: throughPassage("jobs", used.jobs, passage),
    memories: throughPassage("memories", used.memories, passage),
    generations: throughPassage("generations", used.generations, passage),
    liveness: throughPassage("liveness", used.liveness, passage),
    locks: throughPassage("locks", used.locks, passage),
    runs: overriding(runs, {
      create: (run, first) => (dead ? never() : gate.pass(first, () => used.runs.create(run, first))),
      commit: (request) => (dead ? never() : gate.pass(request, () => used.runs.commit(request))),
    }),
  };
  const clock: Clock = {
    ...world.clock,
    setTimeout: (ring, ms) =>
      dead
        ? null
        : world.clock.setTimeout(() => {
            ringing = true;
            ring();
            ringing = false;
          }, ms),
  };
  const engine = createEngine({
    ...SETTINGS,
    store: gated,
    agent: throughPassage("agent", runner, passage),
    home: world.home,
    clock,
    ids: countedIds(worker),
    files: throughPassage("files", countingFiles(nodeFiles(), world.underWay), passage),
  });
  engine.events$.subscribe((event) => {
    if (!dead) told.push(event);
  });
  return {
    engine,
    store,
    gate,
    brake: held,
    told,
    reached: () => reached,
    leasedAtMs: () => leasedAtMs,
    lease: () => lease,
    async kill() {
      dead = true;
      held.off();
      world.clock.forgetTimers();
      await store.close();
    },
  };
}

/** What the actors of a run do in the world, but for what must go on while they wait. */
const BRAKED =
  /^(jobs\.(claim|succeed|fail|failUnowned|release)|memories\.|generations\.|locks\.lock|files\.|agent\.)/;

function countedIds(worker: string): Ids {
  let tokens = 0;
  return {
    run: () => RUN,
    generation: () => `${worker}-generation`,
    // The first is the worker itself, the second the run's.
    token: () => {
      tokens += 1;
      return tokens === 1 ? worker : `token-${worker}-${tokens}`;
    },
  };
}
