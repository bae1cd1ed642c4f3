import type { CoverageAnswer } from "../../../src/server/api.ts";
import type { ChartEdge } from "../chart/chart.ts";

/** How many of the generated paths go through, and how warm that is: 0 is none, 1 the busiest. */
export interface Heat {
  readonly paths: number;
  readonly warmth: number;
}

/** By transition. Logarithmic, for some are taken by every path and some by one. */
export function heatOf(coverage: CoverageAnswer): ReadonlyMap<string, Heat> {
  const most = Math.max(1, ...coverage.transitions.map(({ paths }) => paths.length));
  return new Map(
    coverage.transitions.map(({ id, paths }) => [
      id,
      { paths: paths.length, warmth: Math.log1p(paths.length) / Math.log1p(most) },
    ]),
  );
}

/** A line is as warm as its warmest transition, and untested as soon as one of them is. */
export function heatOfEdge(
  edge: ChartEdge,
  heat: ReadonlyMap<string, Heat>,
): Heat & { readonly untested: number } {
  const own = edge.transitions.map((id) => heat.get(id) ?? { paths: 0, warmth: 0 });
  return {
    paths: own.reduce((sum, { paths }) => sum + paths, 0),
    warmth: Math.max(0, ...own.map(({ warmth }) => warmth)),
    untested: own.filter(({ paths }) => paths === 0).length,
  };
}
