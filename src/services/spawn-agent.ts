import { fromPromise } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import { beganAttempt, beginAttempt } from "../agents/attempt.ts";
import type { Room } from "../agents/transcript.ts";
import { noteAgent } from "../agents/transcript.ts";
import type { AgentHandle, AgentLimits, AgentRunner } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { RunHold, RunPlaces, SpawnAnswer, SpawnInput } from "../domain/phase2.ts";
import { type AgentMeter, agentMeter, type Used } from "../domain/usage.ts";
import type { Files } from "../files/folder.ts";
import { measureTree, type TreeSize } from "../files/tree.ts";

export interface SpawnDeps {
  readonly hold: RunHold;
  readonly places: RunPlaces;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly files: Pick<Files, "open">;
  readonly limits: AgentLimits;
  /** What the agent is asked; called when the workspace is laid. */
  prompt(input: SpawnInput): Promise<string>;
  /** What earlier agents of the run used and said; absent: there were none. */
  earlier?(run: string): Promise<{ readonly used: Used | null; readonly room: Room }>;
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
  const key = `${input.run}/agent/${input.attempt}`;
  for (const old of registry.ofRun(input.run)) await letGo(old, registry);
  const orphaned = await runner.endOrphan(places.scratch, clock);
  const begun = await beganAttempt(places.scratch);
  signal.throwIfAborted();
  if (begun === key) return { kind: "stale" };
  await beginAttempt(places.scratch, key);
  // An agent whose attempt nobody wrote down: this one counts as begun, the next finds a workspace laid anew.
  if (begun === null && orphaned) return { kind: "stale" };

  const { workspace, scratch } = places;
  const [prompt, start] = await Promise.all([deps.prompt(input), sizeOf(deps.files, workspace)]);
  const { used = null, room } = input.attempt === 0 ? {} : ((await deps.earlier?.(input.run)) ?? {});
  const meter = agentMeter({ before: used, hasModel: runner.usesModel ?? true });
  meter.asked(prompt);
  signal.throwIfAborted();
  const handle = await runner.spawn(
    { ...input.config, run: input.run, key, workspace, scratch, prompt, limits },
    clock,
    signal,
  );
  if (signal.aborted) {
    await handle.close();
    signal.throwIfAborted();
  }
  registry.add(input.run, handle, meter, start);
  await follow(deps, handle, { meter, ...(room === undefined ? {} : { room }) });
  return { kind: "spawned", id: handle.id, threadId: handle.threadId, sandbox: handle.sandbox };
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
  { hold, registry, clock }: SpawnDeps,
  handle: AgentHandle,
  kept: { readonly meter: AgentMeter; readonly room?: Room },
): Promise<void> {
  try {
    noteAgent(handle.events$, { hold, clock, ...kept });
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
