import { fromPromise } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentHandle, AgentRunner } from "../domain/agent.ts";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { Finding } from "../domain/generation.ts";
import type { CloseInput, RunHold, RunPlaces } from "../domain/phase2.ts";
import type { Files } from "../files/folder.ts";
import { clearStaging, type RejectedLimits } from "./clear-staging.ts";

export interface CloseDeps {
  readonly hold: RunHold;
  readonly places: RunPlaces;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly files: Files;
  readonly rejected?: RejectedLimits;
  /** The last renewal of the lease; the guarded write decides, so its failure only is noted. */
  beforeClose?(): Promise<void>;
  /** For one agent to end, by all means together. */
  readonly closeMs?: number;
}

const CLOSE_MS = 30_000;

/**
 * Ends every agent of the run, one whose start is still under way included, then clears staging. Does nothing
 * when they are gone already; may be repeated. Rejects with `agent_unkillable` when one still lives, after a finding
 * was recorded: staging is cleared all the same, since nothing reads it any more, but for the record of the process.
 */
export function closeAgent(deps: CloseDeps) {
  return fromPromise<void, CloseInput>(async ({ input }) => {
    const { hold, places, clock, files, rejected } = deps;
    await deps
      .beforeClose?.()
      .catch((error: unknown) => hold.note("lease.unrenewed", { why: causeOf(error) }));
    const failures = await endAll(deps, input);
    const [first] = failures;
    if (first !== undefined) hold.note("gate.finding", agentLeft(first));
    const keep = input.status === "failed_invalid_artifacts";
    await clearStaging(places, { clock, files, keep, keepRecord: first !== undefined, ...rejected });
    if (first !== undefined) throw first;
  });
}

/** A person must know of a process that may still work with their rights. */
function agentLeft(cause: unknown): Finding {
  return {
    code: "agent_left",
    severity: "warn",
    path: null,
    message: `The agent could not be ended (${causeOf(cause).replace(/\.$/, "")}); \`slowwave recover\` tries again, \`slowwave doctor\` says whether it still lives.`,
    repair: null,
  };
}

async function endAll(deps: CloseDeps, input: CloseInput): Promise<readonly unknown[]> {
  const { runner, registry, places, clock, closeMs = CLOSE_MS } = deps;
  await settlesWithin(clock, closeMs, registry.started(input.run));
  const handles = registry.ofRun(input.run);
  const ends = handles.map((handle) => end(handle, deps));
  if (handles.length === 0) ends.push(runner.endOrphan(places.scratch, clock).then(() => {}));
  const settled = await Promise.allSettled(ends);
  return settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
}

async function end(handle: AgentHandle, { registry, clock, closeMs = CLOSE_MS }: CloseDeps): Promise<void> {
  // Held until the end: another close meanwhile must find it. An agent that can't be closed is given up then.
  try {
    if (await settlesWithin(clock, closeMs, handle.close())) return;
  } finally {
    registry.remove(handle.id);
  }
  throw new SlowwaveError("agent_unkillable", `The agent did not end within ${closeMs / 1000} s.`);
}
