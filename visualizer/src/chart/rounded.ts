import type { Point } from "./chart.ts";

/** An orthogonal line as an SVG path with round corners. */
export function rounded(points: readonly Point[], radius = 9): string {
  const [first] = points;
  if (first === undefined) return "";
  let path = `M${first.x} ${first.y}`;
  for (let at = 1; at < points.length; at++) {
    const [before, corner, after] = [points[at - 1], points[at], points[at + 1]];
    if (before === undefined || corner === undefined) continue;
    if (after === undefined) return `${path}L${corner.x} ${corner.y}`;
    const cut = Math.min(radius, distance(before, corner) / 2, distance(corner, after) / 2);
    const [start, end] = [toward(corner, before, cut), toward(corner, after, cut)];
    path += `L${start.x} ${start.y}Q${corner.x} ${corner.y} ${end.x} ${end.y}`;
  }
  return path;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function toward(from: Point, to: Point, by: number): Point {
  const length = distance(from, to) || 1;
  return {
    x: round(from.x + ((to.x - from.x) * by) / length),
    y: round(from.y + ((to.y - from.y) * by) / length),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
