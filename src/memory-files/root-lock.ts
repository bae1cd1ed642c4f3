import { pause } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { RootDeps } from "./deps.ts";

const PATIENCE_MS = 30_000;
const RETRY_MS = 100;

/**
 * Does `work` as the only one who touches the memory root of the space. Waits for another holder up to 30 s, then
 * rejects with `root_busy`; stops waiting when `signal` aborts. The lock dies with the process.
 */
export async function withRootLock<Result>(
  deps: Pick<RootDeps, "store" | "clock">,
  space: string,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const lock = await acquired(deps, space, signal);
  try {
    return await work();
  } finally {
    await lock.unlock();
  }
}

async function acquired(
  { store, clock }: Pick<RootDeps, "store" | "clock">,
  space: string,
  signal?: AbortSignal,
) {
  const since = clock.monotonicMs();
  for (;;) {
    const lock = await store.owners.lock(`root:${space}`);
    if (lock !== null) return lock;
    if (clock.monotonicMs() - since >= PATIENCE_MS) {
      throw new SlowwaveError(
        "root_busy",
        "Another process is changing this memory folder; run again when it is done.",
      );
    }
    await pause(clock, RETRY_MS, signal);
  }
}
