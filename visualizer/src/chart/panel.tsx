import { useEffect, useRef } from "preact/hooks";
import { heatOf, heatOfEdge } from "../coverage/heat.ts";
import { duration } from "../text/duration.ts";
import type { View } from "../view.ts";
import { Caption } from "./caption.tsx";
import type { ChartEdge, ChartState } from "./chart.ts";
import { rounded } from "./rounded.ts";
import { chainsOf } from "./walk.ts";

const TIPS = ["plain", "good", "bad", "taken", "warm", "untested"] as const;

/** The machine, drawn from itself, with where the run is, how it came there and where it could go. */
export function ChartPanel({ view }: { view: View }) {
  const { chart, value, taken, session } = view;
  const frame = useRef<HTMLDivElement>(null);
  const { tab, coverage, detail, picked } = session.state.value;
  const heat = tab === "coverage" && coverage !== null ? heatOf(coverage) : null;
  const active = new Set(value.value === null ? [] : chainsOf(value.value).flat());
  const isTaken = (edge: ChartEdge) => edge.transitions.some((id) => taken.value.has(id));
  const edges = chart.edges.toSorted((a, b) => Number(isTaken(a)) - Number(isTaken(b)));
  const boxes = chart.states.filter(({ kind }) => kind === "compound" || kind === "parallel");
  const leaves = chart.states.filter(({ kind }) => kind === "atomic" || kind === "final");
  const anywhere = chart.states.find(({ kind }) => kind === "root");
  const isForeign = detail !== null && detail.machine.hash !== chart.hash;

  // Where the drawing is wider than its frame, what is active is kept in sight.
  useEffect(() => {
    const at = frame.current;
    const state = chart.states.findLast(({ path }) => active.has(path));
    if (at === null || state === undefined || at.scrollWidth <= at.clientWidth) return;
    const middle = ((state.x + state.width / 2) / chart.width) * at.scrollWidth;
    at.scrollTo({ left: middle - at.clientWidth / 2, behavior: "auto" });
  }, [value.value]);

  return (
    <section class={`canvas${heat === null ? "" : " heated"}`} aria-label="Statechart">
      {isForeign && (
        <p class="foreign">This run was made by another version of the machine; the chart shows this one.</p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls where the screen is narrow */}
      <div class="frame" ref={frame} tabIndex={0} role="group" aria-label="Drawing of the machine">
        <svg
          class="chart"
          viewBox={`0 0 ${chart.width} ${chart.height}`}
          role="img"
          aria-label={`Statechart of ${chart.id}. ${value.value === null ? "No run is chosen" : `Now in ${value.value}`}.`}
        >
          <title>{chart.id}</title>
          <defs>
            {TIPS.map((tone) => (
              <marker
                key={tone}
                id={`tip-${tone}`}
                class={`tip ${tone}`}
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
          {boxes.map((state) => (
            <State key={state.path} state={state} view={view} active={active} />
          ))}
          {anywhere !== undefined && <Anywhere state={anywhere} view={view} />}
          {edges.map((edge) => {
            const warmth = heat === null ? null : heatOfEdge(edge, heat);
            const isNext = edge.transitions.some((id) => view.possible.value.has(id));
            const isPicked = picked !== null && edge.transitions.includes(picked);
            const look =
              warmth === null
                ? isTaken(edge)
                  ? "taken"
                  : edge.tone
                : warmth.untested > 0
                  ? "untested"
                  : "warm";
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the list of the coverage tab does the same
              // biome-ignore lint/a11y/useKeyWithClickEvents: as above
              <g
                key={edge.id}
                class={`edge ${look}${isNext ? " next" : ""}${isPicked ? " picked" : ""}`}
                onClick={() => session.send.picked({ id: edge.transitions[0] ?? null })}
                style={warmth === null ? {} : { "--warmth": String(warmth.warmth) }}
              >
                <path class="reach" d={rounded(edge.points)} />
                <path class="line" d={rounded(edge.points)} marker-end={`url(#tip-${look})`} />
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
          })}
          {leaves.map((state) => (
            <State key={state.path} state={state} view={view} active={active} />
          ))}
        </svg>
      </div>
      <Caption view={view} />
    </section>
  );
}

function State({ state, view, active }: { state: ChartState; view: View; active: ReadonlySet<string> }) {
  const { width, height, kind, actor } = state;
  const time = view.times.value.get(state.path);
  const isOn = active.has(state.path);
  const isContainer = kind === "compound" || kind === "parallel";
  const isEnd = kind === "final";
  const isPicked = view.session.state.value.picked === state.path;
  const look = `${isOn ? " on" : time !== undefined ? " been" : ""}${state.depth > 1 ? " inner" : ""}${isPicked ? " picked" : ""}`;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the caption names the active state by itself
    // biome-ignore lint/a11y/useKeyWithClickEvents: as above
    <g
      class={`state ${kind} ${state.key}${look}`}
      transform={`translate(${state.x} ${state.y})`}
      onClick={() => view.session.send.picked({ id: isPicked ? null : state.path })}
    >
      {isOn && !isContainer && (
        <rect class="halo" x="-4" y="-4" width={width + 8} height={height + 8} rx="13" />
      )}
      <rect class="box" width={width} height={height} rx={state.depth > 1 ? 8 : 10} />
      {isEnd && <rect class="ring" x="3.5" y="3.5" width={width - 7} height={height - 7} rx="7" />}
      {state.initial && state.depth === 1 && (
        <path class="start" d={`M-20 ${height / 2}H-4`} marker-end="url(#tip-plain)" />
      )}
      <text
        class="title"
        x={isContainer ? 14 : width / 2}
        y={isContainer ? 25 : actor === null ? height / 2 + 5 : 24}
        text-anchor={isContainer ? "start" : "middle"}
      >
        {state.key}
      </text>
      {actor !== null && (
        <text
          class="actor"
          x={isContainer ? 14 : width / 2}
          y="42"
          text-anchor={isContainer ? "start" : "middle"}
        >
          {actor}
        </text>
      )}
      {time !== undefined && !isEnd && state.depth === 1 && (
        <text
          class="took"
          x={isContainer ? width - 12 : 2}
          y={isContainer ? 25 : -8}
          text-anchor={isContainer ? "end" : "start"}
        >
          {duration(time)}
        </text>
      )}
    </g>
  );
}

const ROWS_TOP = 34;
const ROW = 22;

/** What may happen in any state: the transitions of the machine itself. */
function Anywhere({ state, view }: { state: ChartState; view: View }) {
  const own = view.chart.transitions.filter(({ source }) => source === state.path);
  return (
    <g class="anywhere" transform={`translate(${state.x} ${state.y})`}>
      <rect class="box" width={state.width} height={state.height} rx="10" />
      <text class="title" x="14" y="22">
        in any state
      </text>
      {own.map(({ id, event }, at) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the list of the coverage tab does the same
        // biome-ignore lint/a11y/useKeyWithClickEvents: as above
        <g
          key={id}
          class={`chip${view.taken.value.has(id) ? " taken" : view.possible.value.has(id) ? " next" : ""}`}
          transform={`translate(10 ${ROWS_TOP + at * ROW})`}
          onClick={() => view.session.send.picked({ id })}
        >
          <rect width={state.width - 20} height={ROW - 4} rx="9" />
          <text x={(state.width - 20) / 2} y="13">
            {event}
          </text>
        </g>
      ))}
    </g>
  );
}
