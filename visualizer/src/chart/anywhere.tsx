import type { View } from "../view.ts";
import type { ChartState } from "./chart.ts";

const ROWS_TOP = 34;
const ROW = 22;

/** What may happen in any state: the transitions of the machine itself. */
export function Anywhere({ state, view }: { state: ChartState; view: View }) {
  const own = view.chart.transitions.filter(({ source }) => source === state.path);
  const width = state.width - 20;
  return (
    <g class="anywhere" transform={`translate(${state.x} ${state.y})`}>
      <rect class="box" width={state.width} height={state.height} rx="10" />
      <text class="title" x="14" y="22">
        in any state
      </text>
      {own.map(({ id, event }, at) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the list of the coverage tab does the same
        <g
          key={id}
          class={`word${view.taken.value.has(id) ? " taken" : view.possible.value.has(id) ? " next" : ""}`}
          transform={`translate(10 ${ROWS_TOP + at * ROW})`}
          onClick={() => view.session.send.picked({ id })}
        >
          <rect width={width} height={ROW - 4} rx="9" />
          <text x={width / 2} y="13">
            {event}
          </text>
        </g>
      ))}
    </g>
  );
}
