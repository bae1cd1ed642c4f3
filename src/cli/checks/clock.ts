import { about } from "../elapsed.ts";
import { type Check, fine, type Patient, warning } from "./check.ts";

/** A few seconds are two clocks that differ; more is a clock that jumped. */
const TOLERANCE_MS = 60_000;

/** Whether something was written in what is now the future. */
export async function checkClock({ at, store }: Patient): Promise<Check> {
  const now = at.world.nowMs();
  const [newest] = (await store?.runs.list({ limit: 1 })) ?? [];
  const jobs = (await store?.jobs.list()) ?? [];
  const newestMs = Math.max(
    newest?.updatedAtMs ?? 0,
    ...jobs.map(({ started_at, finished_at }) => Math.max(started_at ?? 0, finished_at ?? 0) * 1000),
  );
  if (newestMs <= now + TOLERANCE_MS) return fine("clock", new Date(now).toISOString());
  return warning(
    "clock",
    `something was written ${about((newestMs - now) / 1000)} from now: the clock went back`,
    "timedatectl status",
  );
}
