import type { Clock } from "../domain/ports.ts";
import { settlesWithin } from "./wait.ts";

/** Where there is no /proc: the process group is all that is known of a tree. */
export async function endGroup(
  group: number,
  exited: Promise<void>,
  clock: Clock,
  graceMs: number,
): Promise<void> {
  if (graceMs > 0) {
    killGroup(group, "SIGTERM");
    if (await settlesWithin(clock, graceMs, exited)) return;
  }
  killGroup(group, "SIGKILL");
}

export function killGroup(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // Nobody is left in it.
  }
}
