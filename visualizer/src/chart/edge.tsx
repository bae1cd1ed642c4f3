import { type Heat, heatOfEdge } from "../coverage/heat.ts";
import type { View } from "../view.ts";
import type { ChartEdge } from "./chart.ts";
import { rounded } from "./rounded.ts";

type Look = "plain" | "good" | "bad" | "taken" | "fallen" | "warm" | "untested";
const LOOKS: readonly Look[] = ["plain", "good", "bad", "taken", "fallen", "warm", "untested"];

/** Arrow heads, one for each look of a line. */
export function Tips() {
  return (
    <defs>
      {LOOKS.map((look) => (
        <marker
          key={look}
          id={`tip-${look}`}
          class={`tip ${look}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          markerUnits="userSpaceOnUse"
          orient="auto-start-reverse"
        >
          <path d="M0 .8L7.4 4L0 7.2z" />
        </marker>
      ))}
    </defs>
  );
}

interface EdgeProps {
  readonly edge: ChartEdge;
  readonly view: View;
  /** By transition; null where the chart shows a run instead of its coverage. */
  readonly heat: ReadonlyMap<string, Heat> | null;
  readonly isTaken: boolean;
}

/** A line with its name; picking it picks the first of its transitions that says something of this run. */
export function Edge({ edge, view, heat, isTaken }: EdgeProps) {
  const { picked } = view.session.state.value;
  const warmth = heat === null ? null : heatOfEdge(edge, heat);
  const isNext = edge.transitions.some((id) => view.possible.value.has(id));
  const isPicked = picked !== null && edge.transitions.includes(picked);
  const look = warmth === null ? lookOf(edge, isTaken) : warmth.untested > 0 ? "untested" : "warm";
  const pick = () => {
    const { transitions } = edge;
    const described =
      (heat === null
        ? (transitions.find((id) => view.taken.value.has(id)) ??
          transitions.find((id) => view.possible.value.has(id)))
        : transitions.find((id) => (heat.get(id)?.paths ?? 0) === 0)) ?? transitions[0];
    const next = transitions[(transitions.indexOf(picked ?? "") + 1) % transitions.length];
    view.session.send.picked({ id: (isPicked ? next : described) ?? null });
  };
  const path = rounded(edge.points);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the list of the coverage tab does the same
    <g
      class={`edge ${look}${isNext ? " next" : ""}${isPicked ? " picked" : ""}`}
      onClick={pick}
      style={warmth === null ? {} : { "--warmth": String(warmth.warmth) }}
    >
      <path class="reach" d={path} />
      <path class="line" d={path} marker-end={`url(#tip-${look})`} />
      {edge.label !== null && (
        <g transform={`translate(${edge.label.x} ${edge.label.y})`}>
          <rect width={edge.label.width} height={edge.label.height} rx="10" />
          <text x={edge.label.width / 2} y={edge.label.height / 2 + 3.8}>
            {edge.label.text}
          </text>
        </g>
      )}
    </g>
  );
}

function lookOf({ tone }: ChartEdge, isTaken: boolean): Look {
  if (!isTaken) return tone;
  return tone === "bad" ? "fallen" : "taken";
}
