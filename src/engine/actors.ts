import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentLimits, AgentRunner } from "../domain/agent.ts";
import { type Clock, type Ids, settlesWithin } from "../domain/clock.ts";
import type { RunHold, RunPlaces } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import type { Settings } from "../domain/settings.ts";
import type { RunLimits } from "../domain/usage.ts";
import type { Files } from "../files/folder.ts";
import { closeAgent } from "../services/close-agent.ts";
import {
  claimJob,
  confirmOwnership,
  keepDeadline,
  keepLease,
  recordFailure,
  recordSuccess,
} from "../services/job.ts";
import { keepDraft, publishMemory, verifyArtifacts } from "../services/publish-memory.ts";
import { configureAgent, spawnAgent } from "../services/spawn-agent.ts";
import { loadMemories, syncRawMemories, syncSummaries } from "../services/sync-inputs.ts";
import { watchAgent } from "../services/watch-agent.ts";
import { askAgent } from "./ask-agent.ts";
import { sealedFiles } from "./sealed-files.ts";

/** For a stopped step to leave the workspace; a disk that hangs must not keep the run from its end. */
const SEAL_MS = 30_000;

export interface ActorDeps {
  readonly store: Store;
  readonly hold: RunHold;
  readonly places: RunPlaces;
  readonly homeId: string;
  readonly worker: string;
  readonly settings: Settings;
  /** Unix milliseconds at which the run's time is up; the agent is asked to finish before. Absent: it is not asked. */
  readonly deadlineAtMs?: number | null;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly files: Files;
}

/** The machine's holes, filled for one run: the only place where names and services meet. */
export function phase2Actors(deps: ActorDeps) {
  const { store, hold, clock, settings } = deps;
  const { jobs } = store;
  const job = { jobs, hold, clock, settings, worker: deps.worker };
  const files = sealedFiles(deps.files);
  const bench = { ...deps, files, gate: settings.gate ?? {} };
  const agent = { ...bench, limits: limitsOf(settings), ...askAgent(bench) };
  /** A step that was stopped half-way must have left the workspace, and the lease must last while the agent ends. */
  const beforeClose = async () => {
    await settlesWithin(clock, SEAL_MS, files.seal());
    const lease = hold.lease();
    const { leaseSeconds } = settings;
    if (lease !== null) await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
  };
  return {
    claimJob: claimJob({ ...job, runs: store.runs }),
    keepLease: keepLease(job),
    keepDeadline: keepDeadline({ clock, maxRunMinutes: settings.maxRunMinutes }),
    configureAgent: configureAgent(deps),
    loadMemories: loadMemories({ memories: store.memories, hold }),
    syncSummaries: syncSummaries(bench),
    syncRawMemories: syncRawMemories(bench),
    spawnAgent: spawnAgent({ ...agent, limits: toldLimits(settings) }),
    watchAgent: watchAgent(agent),
    verifyArtifacts: verifyArtifacts(bench),
    confirmOwnership: confirmOwnership(job),
    publishMemory: publishMemory(bench),
    keepDraft: keepDraft(bench),
    closeAgent: closeAgent({ ...agent, files: deps.files, beforeClose }),
    recordSuccess: recordSuccess(job),
    recordFailure: recordFailure(job),
  };
}

/** What an agent may want to know of its own limits; the supervisor holds it to all of them. */
function toldLimits({ maxSilenceMinutes, maxTurns, maxTokens, maxCostUsd }: Settings): AgentLimits {
  return { maxSilenceMinutes, maxTurns, maxTokens, maxCostUsd };
}

/** A run that an earlier version began may lack the newer ones. */
function limitsOf(settings: Partial<Settings>): RunLimits {
  return {
    maxRunMinutes: settings.maxRunMinutes ?? null,
    maxSilenceMinutes: settings.maxSilenceMinutes ?? null,
    maxTurns: settings.maxTurns ?? null,
    maxToolCalls: settings.maxToolCalls ?? null,
    maxTokens: settings.maxTokens ?? null,
    maxCostUsd: settings.maxCostUsd ?? null,
    maxOutputBytes: settings.maxOutputBytes ?? null,
  };
}
