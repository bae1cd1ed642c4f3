import { duration } from "../text/duration.ts";
import type { View } from "../view.ts";
import type { ChartState } from "./chart.ts";

/** A state with its actor, the time spent in it, and a ring that breathes while it is active. */
export function StateBox({ state, view, isOn }: { state: ChartState; view: View; isOn: boolean }) {
  const { width, height, kind, actor, depth } = state;
  const time = view.times.value.get(state.path);
  const isContainer = kind === "compound" || kind === "parallel";
  const isEnd = kind === "final";
  const isPicked = view.session.state.value.picked === state.path;
  const look = [
    `state ${kind} is-${state.key}`,
    isOn ? "on" : time === undefined ? "" : "been",
    /^fail/.test(state.path) ? "bad" : "",
    depth > 1 ? "inner" : "",
    isPicked ? "picked" : "",
  ].join(" ");
  const side = { x: isContainer ? 14 : width / 2, "text-anchor": isContainer ? "start" : "middle" } as const;
  const above = isContainer
    ? ({ x: width - 12, y: 25, "text-anchor": "end" } as const)
    : ({ x: 2, y: -8, "text-anchor": "start" } as const);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the caption names the active state by itself
    <g
      class={look}
      transform={`translate(${state.x} ${state.y})`}
      onClick={() => view.session.send.picked({ id: isPicked ? null : state.path })}
    >
      {isOn && !isContainer && (
        <rect class="halo" x="-4" y="-4" width={width + 8} height={height + 8} rx="13" />
      )}
      <rect class="box" width={width} height={height} rx={depth > 1 ? 8 : 10} />
      {isEnd && <rect class="ring" x="3.5" y="3.5" width={width - 7} height={height - 7} rx="7" />}
      {state.initial && depth === 1 && (
        <path class="start" d={`M-20 ${height / 2}H-4`} marker-end="url(#tip-plain)" />
      )}
      <text class="title" y={isContainer ? 25 : actor === null ? height / 2 + 5 : 24} {...side}>
        {state.key}
      </text>
      {actor !== null && (
        <text class="actor" y="42" {...side}>
          {actor}
        </text>
      )}
      {time !== undefined && !isEnd && depth === 1 && (
        <text class="took" {...above}>
          {duration(time)}
        </text>
      )}
    </g>
  );
}
