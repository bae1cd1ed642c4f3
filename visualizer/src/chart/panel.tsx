import { useEffect, useRef } from "preact/hooks";
import { heatOf } from "../coverage/heat.ts";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { Anywhere } from "./anywhere.tsx";
import { Caption } from "./caption.tsx";
import type { ChartEdge } from "./chart.ts";
import { Edge, Tips } from "./edge.tsx";
import { StateBox } from "./state-box.tsx";
import { chainsOf } from "./walk.ts";

/** The machine, drawn from itself, with where the run is, how it came there and where it could go. */
export function ChartPanel({ view }: { view: View }) {
  const { chart, value, taken, session } = view;
  const frame = useRef<HTMLDivElement>(null);
  const { tab, coverage, detail } = session.state.value;
  const heat = tab === "coverage" && coverage !== null ? heatOf(coverage) : null;
  const active = new Set(value.value === null ? [] : chainsOf(value.value).flat());
  const isTaken = (edge: ChartEdge) => edge.transitions.some((id) => taken.value.has(id));
  const boxes = chart.states.filter(({ kind }) => kind === "compound" || kind === "parallel");
  const leaves = chart.states.filter(({ kind }) => kind === "atomic" || kind === "final");
  const anywhere = chart.states.find(({ kind }) => kind === "root");
  const isForeign = detail !== null && detail.machine.hash !== chart.hash;
  const now = value.value === null ? "No run is chosen" : `The run is in ${visibleLine(value.value)}`;

  // Where the drawing is wider than its frame, what is active is kept in sight.
  useEffect(() => {
    const at = frame.current;
    const state = chart.states.findLast(({ path }) => active.has(path));
    if (at === null || state === undefined || at.scrollWidth <= at.clientWidth) return;
    const middle = ((state.x + state.width / 2) / chart.width) * at.scrollWidth;
    at.scrollTo({ left: middle - at.clientWidth / 2 });
  }, [value.value]);

  return (
    <section class={`canvas${heat === null ? "" : " heated"}`} aria-label="Statechart">
      {isForeign && (
        <p class="foreign">This run was made by another version of the machine; the chart shows this one.</p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls where the screen is narrow */}
      <section class="frame" ref={frame} tabIndex={0} aria-label="Drawing of the machine">
        <svg
          class="chart"
          viewBox={`0 0 ${chart.width} ${chart.height}`}
          role="img"
          aria-label={`Statechart of ${chart.id}. ${now}.`}
        >
          <title>{`${chart.id}: ${now}`}</title>
          <Tips />
          {boxes.map((state) => (
            <StateBox key={state.path} state={state} view={view} isOn={active.has(state.path)} />
          ))}
          {anywhere !== undefined && <Anywhere state={anywhere} view={view} />}
          {chart.edges
            .toSorted((a, b) => Number(isTaken(a)) - Number(isTaken(b)))
            .map((edge) => (
              <Edge key={edge.id} edge={edge} view={view} heat={heat} isTaken={isTaken(edge)} />
            ))}
          {leaves.map((state) => (
            <StateBox key={state.path} state={state} view={view} isOn={active.has(state.path)} />
          ))}
        </svg>
      </section>
      <Caption view={view} />
    </section>
  );
}
