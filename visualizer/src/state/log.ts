import type { EventView } from "../../../src/server/api.ts";

/** Rows of one run by id, each once, however often and in whichever order they arrive. */
export function merged(log: readonly EventView[], rows: readonly EventView[]): readonly EventView[] {
  const last = log.at(-1)?.id ?? Number.NEGATIVE_INFINITY;
  const first = log[0]?.id ?? Number.POSITIVE_INFINITY;
  const fresh = rows.toSorted((a, b) => a.id - b.id).filter((row, at, all) => row.id !== all[at - 1]?.id);
  if (fresh.length === 0) return log;
  if ((fresh[0]?.id ?? 0) > last) return [...log, ...fresh];
  if ((fresh.at(-1)?.id ?? 0) < first) return [...fresh, ...log];
  const byId = new Map([...log, ...fresh].map((row) => [row.id, row]));
  return byId.size === log.length ? log : [...byId.values()].toSorted((a, b) => a.id - b.id);
}

/** Place of the last row at or before `id`; -1 when there is none. */
export function indexOf(log: readonly EventView[], id: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((log[middle]?.id ?? 0) <= id) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
