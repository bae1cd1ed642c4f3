import { SlowwaveError } from "../domain/failure.ts";
import type { Clock } from "../domain/ports.ts";
import { signalSame } from "./end-tree.ts";
import type { ProcessStat } from "./process-identity.ts";
import { pause } from "./wait.ts";

const FREEZE_MS = 5_000;
const LOOK_MS = 5;

/**
 * Stops every process that `find` names, and whatever they forked meanwhile, until a look finds none that runs. While
 * they stand still nothing of theirs is written. Rejects with `agent_unstoppable` when one goes on.
 */
export async function freezeTree(find: () => readonly ProcessStat[], clock: Clock): Promise<void> {
  const started = clock.monotonicMs();
  for (let awake = find().filter(isAwake); awake.length > 0; awake = find().filter(isAwake)) {
    if (clock.monotonicMs() - started >= FREEZE_MS) {
      const pids = awake.slice(0, 5).map(({ pid }) => pid);
      throw new SlowwaveError("agent_unstoppable", `The agent goes on working (pid ${pids.join(", ")}).`);
    }
    for (const member of awake) signalSame(member, "SIGSTOP");
    await pause(clock, LOOK_MS);
  }
}

export function thawTree(find: () => readonly ProcessStat[]): void {
  for (const member of find()) signalSame(member, "SIGCONT");
}

/** `T`: stopped by a signal; `t`: by a debugger. */
function isAwake({ state }: ProcessStat): boolean {
  return state !== "T" && state !== "t";
}
