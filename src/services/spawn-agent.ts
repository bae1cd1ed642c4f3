import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromPromise } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import { noteAgent, type TranscriptBudget } from "../agents/transcript.ts";
import type { AgentConfig, AgentHandle, AgentLimits, AgentRunner } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { NO_FENCE } from "../domain/job.ts";
import type { LeaseHolder, RunInput, RunPlaces, SpawnAnswer, SpawnInput } from "../domain/phase2.ts";
import { type AgentMeter, agentMeter, type Used } from "../domain/usage.ts";
import { type Files, measureTree, type TreeSize } from "../files/folder.ts";
import { writeWhole } from "../process/process-record.ts";

export interface ConfigureDeps {
  readonly runner: AgentRunner;
  readonly settings: { readonly model: string | null; readonly effort?: AgentConfig["effort"] };
}

/**
 * The locked-down configuration (original, section 5.1): never asks for approval, writes in its workspace only,
 * has the network only where its harness must reach its model, or where nothing keeps it from it. Rejects with
 * `failed_sandbox_policy` when the agent can't be kept there.
 */
export function configureAgent({ runner, settings }: ConfigureDeps) {
  return fromPromise<AgentConfig, RunInput>(async () => {
    const found = await runner.probe?.();
    if (found !== undefined && "missing" in found) {
      throw new SlowwaveError("failed_sandbox_policy", found.missing);
    }
    const usesModel = runner.usesModel ?? true;
    return {
      agent: runner.name,
      model: usesModel ? settings.model : null,
      effort: usesModel ? (settings.effort ?? "medium") : null,
      approvals: "never",
      sandbox: "workspace-write",
      network: found?.network ?? runner.network,
    };
  });
}

export interface SpawnDeps {
  readonly holder: LeaseHolder;
  readonly places: RunPlaces;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly files: Pick<Files, "open">;
  readonly limits: AgentLimits;
  /** What the agent is asked; called when the workspace is laid. */
  prompt(input: SpawnInput): Promise<string>;
  /** What earlier agents of the run used and said; absent: there were none. */
  earlier?(run: string): Promise<{ readonly used: Used | null; readonly transcriptBudget: TranscriptBudget }>;
}

/**
 * Starts the agent, with its status already followed, so that none can be missed. An attempt that was begun
 * before (its process died before the answer was kept) is ended and answered `stale`: what it left in the
 * workspace can't be trusted. A start that is no longer wanted is ended as soon as it is there.
 */
export function spawnAgent(deps: SpawnDeps) {
  return fromPromise<SpawnAnswer, SpawnInput>(({ input, signal }) => {
    const start = answer(deps, input, signal);
    deps.registry.starting(input.run, start);
    return start;
  });
}

async function answer(deps: SpawnDeps, input: SpawnInput, signal: AbortSignal): Promise<SpawnAnswer> {
  const { runner, registry, places, clock, limits } = deps;
  // The agent of a run that owns nothing any more would work beside the owner's. The keeper of the lease says so at
  // its first beat, which stops this start.
  if (deps.holder.lease()?.fence === NO_FENCE) await stopped(signal);
  const key = `${input.run}/agent/${input.attempt}`;
  for (const old of registry.ofRun(input.run)) await letGo(old, registry);
  const orphaned = await runner.endOrphan(places.runFolder, clock);
  const begun = await lastAttempt(places.runFolder);
  signal.throwIfAborted();
  if (begun === key) return { kind: "stale" };
  await recordAttempt(places.runFolder, key);
  // An agent whose attempt nobody wrote down: this one counts as begun, the next finds a workspace laid anew.
  if (begun === null && orphaned) return { kind: "stale" };

  const { workspace, runFolder } = places;
  const [prompt, start] = await Promise.all([deps.prompt(input), sizeOf(deps.files, workspace)]);
  const { used = null, transcriptBudget } =
    input.attempt === 0 ? {} : ((await deps.earlier?.(input.run)) ?? {});
  const meter = agentMeter({ before: used, hasModel: runner.usesModel ?? true });
  meter.asked(prompt);
  signal.throwIfAborted();
  const handle = await runner.spawn(
    { ...input.config, run: input.run, key, workspace, runFolder, prompt, limits },
    clock,
    signal,
  );
  if (signal.aborted) {
    await handle.close();
    signal.throwIfAborted();
  }
  registry.add(input.run, handle, meter, start);
  await follow(deps, handle, { meter, ...(transcriptBudget === undefined ? {} : { transcriptBudget }) });
  return { kind: "spawned", id: handle.id, threadId: handle.threadId, sandbox: handle.sandbox };
}

function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Growth counts from here: what an agent writes in its first moments must not pass for what it was given. */
async function sizeOf(files: SpawnDeps["files"], workspace: string): Promise<TreeSize> {
  const folder = await files.open(workspace);
  try {
    return await measureTree(folder);
  } finally {
    await folder.close();
  }
}

async function follow(
  { holder, registry, clock }: SpawnDeps,
  handle: AgentHandle,
  kept: { readonly meter: AgentMeter; readonly transcriptBudget?: TranscriptBudget },
): Promise<void> {
  try {
    noteAgent(handle.events$, { holder, clock, ...kept });
  } catch (error) {
    await letGo(handle, registry);
    throw new SlowwaveError("failed_subscribe_status", "The agent's status could not be followed.", {
      cause: error,
    });
  }
}

async function letGo(handle: AgentHandle, registry: AgentRegistry): Promise<void> {
  await handle.close();
  registry.remove(handle.id);
}

/**
 * `<run folder>/attempt`: the key of the newest start that was begun in this workspace, written before it. The
 * workspace is laid anew before each further attempt, so only the same key means that an agent may have worked
 * in it already. On the disk when it returns: after a power failure a half-worked workspace must be known.
 */
export function recordAttempt(runFolder: string, key: string): Promise<void> {
  return writeWhole(join(runFolder, "attempt"), key);
}

/** Null when none was begun. */
async function lastAttempt(runFolder: string): Promise<string | null> {
  try {
    return await readFile(join(runFolder, "attempt"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
