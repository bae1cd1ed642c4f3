import type { EventView } from "../../../src/server/api.ts";
import { indexOf } from "./log.ts";

/** One row back or on, among those that are shown; past the last one is now (null). */
export function stepped(rows: readonly EventView[], at: number | null, by: number): number | null {
  if (rows.length === 0) return null;
  const last = rows.length - 1;
  const here = at === null ? last : indexOf(rows, at);
  // Between two shown rows, one step back is the nearer of them.
  const isBetween = at !== null && rows[here]?.id !== at;
  const next = here + by + (isBetween && by < 0 ? 1 : 0);
  return next >= last ? (by > 0 ? null : (rows[last]?.id ?? null)) : (rows[Math.max(0, next)]?.id ?? null);
}
