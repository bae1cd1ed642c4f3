import type { Visit } from "../chart/walk.ts";

/** Places a moment on the timeline: 0 is its left end, 1 its right. Monotonic. */
export type Scale = (atMs: number) => number;

const FLOOR = 0.04;
const MOST = 0.8;

/**
 * `floor`: every stay gets a least width and shares the rest by its length, so that 3 ms can be seen beside
 * six minutes; everything else is placed by the same map, so nothing drifts. `true`: plain proportion.
 */
export function scaleOf(visits: readonly Visit[], endMs: number, kind: "floor" | "true"): Scale {
  const startMs = visits[0]?.fromMs ?? endMs;
  const total = Math.max(1, endMs - startMs);
  if (kind === "true" || visits.length === 0) return (atMs) => clamp((atMs - startMs) / total);
  const least = Math.min(FLOOR, MOST / visits.length);
  const spare = 1 - least * visits.length;
  const pieces: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly left: number;
    readonly width: number;
  }[] = [];
  let left = 0;
  for (const visit of visits) {
    const toMs = Math.max(visit.fromMs, Math.min(visit.toMs ?? endMs, endMs));
    const width = least + (spare * (toMs - visit.fromMs)) / total;
    pieces.push({ fromMs: visit.fromMs, toMs, left, width });
    left += width;
  }
  return (atMs) => {
    const piece = pieces.findLast(({ fromMs }) => fromMs <= atMs) ?? pieces[0];
    if (piece === undefined) return 0;
    const length = piece.toMs - piece.fromMs;
    const part = length === 0 ? (atMs > piece.fromMs ? 1 : 0) : clamp((atMs - piece.fromMs) / length);
    return clamp(piece.left + piece.width * part);
  };
}

function clamp(value: number): number {
  return Math.max(0, Math.min(1, value));
}
