import type { RetentionRequest, RetentionSlice } from "../../domain/ports.ts";
import type { RunRecord } from "../../domain/run.ts";
import { endedWith } from "./runs.ts";
import type { MemoryWorld } from "./world.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** All at once: nothing in memory takes long enough to be done in slices. */
export function memoryRetention(world: MemoryWorld, request: RetentionRequest): RetentionSlice {
  const { space, keepRuns, keepRunDays, nowMs } = request;
  const newestFirst = [...world.runs.values()]
    .filter((run) => run.space === space)
    .sort((a, b) => (a.id < b.id ? 1 : -1));
  const untilMs = nowMs - keepRunDays * DAY_MS;
  const longUntilMs = nowMs - 2 * keepRunDays * DAY_MS;
  const isOver = ({ state }: RunRecord) => state === "done" || state === "error";
  const isPast = (run: RunRecord, place: number) => {
    if (place < keepRuns || run.updatedAtMs >= untilMs || !isOver(run)) return false;
    const isFailed = (endedWith(run) ?? "failed").startsWith("failed");
    return !isFailed || (place >= 2 * keepRuns && run.updatedAtMs < longUntilMs);
  };
  let removed = 0;
  for (const run of newestFirst.filter(isPast)) {
    removed += 1 + removeLog(world, run.id);
    world.runs.delete(run.id);
    world.intents.delete(run.id);
    world.actors.delete(run.id);
  }
  const drafted = new Set(world.drafts.map(({ draft }) => draft.run));
  for (const run of newestFirst.slice(keepRuns)) {
    if (isOver(run) && !drafted.has(run.id) && world.inputs.delete(run.id)) removed += 1;
  }
  return { removed: removed + removeSettlements(world, space, longUntilMs), isDone: true };
}

function removeLog({ log, signals }: MemoryWorld, run: string): number {
  const rows = log.filter((row) => row.run === run);
  // An empty place keeps the ids of the rows behind it.
  for (const { id } of rows) delete log[id - 1];
  for (const { id } of signals.filter((signal) => signal.run === run)) delete signals[id - 1];
  return rows.length;
}

function removeSettlements(
  { settlements, settledAt, runs }: MemoryWorld,
  space: string,
  untilMs: number,
): number {
  const isAtWork = [...runs.values()].some((run) => run.space === space && run.state === "active");
  if (isAtWork) return 0;
  const past = [...settledAt].filter(([, one]) => one.space === space && one.atMs < untilMs);
  for (const [key] of past) {
    settlements.delete(key);
    settledAt.delete(key);
  }
  return past.length;
}
