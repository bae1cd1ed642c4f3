import { SlowwaveError } from "../domain/failure.ts";
import type { Clock } from "../domain/ports.ts";
import { isLiving, type ProcessStat, readStat } from "./process-identity.ts";
import { pause } from "./wait.ts";

export interface EndOptions {
  readonly clock: Clock;
  /** Time to end by itself after SIGTERM; 0 = SIGKILL at once. */
  readonly graceMs: number;
  /** Gets no SIGTERM: it goes by itself when those it holds are gone, and takes them along if it goes first. */
  readonly warden?: number;
  /** How long SIGKILL is repeated while something still lives. */
  readonly killMs?: number;
}

const KILL_MS = 5_000;
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 80;

/**
 * Ends every process that `find` names: SIGTERM, a grace, SIGKILL, and again for whatever was forked meanwhile.
 * Resolves when a look finds nothing alive; rejects with `agent_unkillable` when it stays.
 */
export async function endTree(find: () => readonly ProcessStat[], options: EndOptions): Promise<void> {
  const { clock, graceMs, warden, killMs = KILL_MS } = options;
  let members = find();
  if (members.length > 0 && graceMs > 0) {
    for (const member of members) if (member.pid !== warden) signalSame(member, "SIGTERM");
    await untilGone(members, clock, graceMs);
    members = find();
  }
  const started = clock.monotonicMs();
  while (members.length > 0) {
    for (const member of members) signalSame(member, "SIGKILL");
    await untilGone(members, clock, Math.min(killMs, 1_000));
    members = find();
    if (members.length === 0) return;
    if (clock.monotonicMs() - started >= killMs) {
      const pids = members.slice(0, 5).map(({ pid }) => pid);
      throw new SlowwaveError(
        "agent_unkillable",
        `Processes of the agent could not be ended (pid ${pids.join(", ")}). End them by hand, then run \`slowwave recover\`.`,
      );
    }
    // What is found although it can't be hit must not make this spin.
    await pause(clock, LONGEST_LOOK_MS);
  }
}

/** Looks only at these few, in growing steps: a look through all of /proc is dear. */
async function untilGone(members: readonly ProcessStat[], clock: Clock, ms: number): Promise<void> {
  const started = clock.monotonicMs();
  for (let step = FIRST_LOOK_MS; members.some(isSame); step = Math.min(step * 2, LONGEST_LOOK_MS)) {
    const left = ms - (clock.monotonicMs() - started);
    if (left <= 0) return;
    await pause(clock, Math.min(step, left));
  }
}

function isSame(member: ProcessStat): boolean {
  const now = readStat(member.pid);
  return isLiving(now) && now.startTime === member.startTime;
}

/** The identity is read again right before the signal: a reused number is never hit. */
export function signalSame(member: ProcessStat, name: NodeJS.Signals): void {
  if (!isSame(member)) return;
  try {
    process.kill(member.pid, name);
  } catch {
    // Gone meanwhile, or not ours to signal: the next look decides.
  }
}
