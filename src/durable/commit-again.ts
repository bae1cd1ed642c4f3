import { type Clock, pause } from "../domain/clock.ts";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { CommitOutcome, CommitRequest, RunStore } from "../domain/run.ts";

/**
 * A busy or failing store is asked again with the same content, which it answers as the same commit. Milliseconds.
 * Rejects when patience is over, with the store's own code and error.
 */
export async function commitAgain(
  {
    runs,
    clock,
    patienceMs,
    isOver,
  }: { runs: RunStore; clock: Clock; patienceMs: number; isOver: () => boolean },
  request: CommitRequest,
  refused: unknown,
): Promise<CommitOutcome> {
  const until = clock.monotonicMs() + patienceMs;
  let error = refused;
  for (let wait = 100; clock.monotonicMs() + wait <= until; wait = Math.min(wait * 2, 5_000)) {
    await pause(clock, wait);
    if (isOver()) return "fenced";
    try {
      return await runs.commit(request);
    } catch (again) {
      error = again;
    }
  }
  const message = `Run ${request.run} could not be recorded; it goes on when the store works again.`;
  throw new SlowwaveError(codeOf(error) ?? "store_unavailable", message, { cause: error });
}
