import { duration } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { type Bar, lanesOf, ticksOf } from "./lanes.ts";
import { type Scale, scaleOf } from "./scale.ts";

/** When the run was where: a lane for each state, one for the lease's beats, one for the agent's words. */
export function TimelinePanel({ view }: { view: View }) {
  const { session, visits, endMs, atMs, isOver } = view;
  const { scale: kind, at } = session.state.value;
  const scale = scaleOf(visits.value, endMs.value, kind);
  const lanes = lanesOf(visits.value);
  const cursor = scale(atMs.value);
  const beats = ticksOf(view.beats.value, scale);
  const words = ticksOf(view.words.value, scale);
  const startMs = visits.value[0]?.fromMs ?? endMs.value;
  return (
    <section class="timeline" aria-label="Timeline">
      <header>
        <h2>Timeline</h2>
        <span class="hint">{visits.value.length > 0 && `${duration(endMs.value - startMs)} in all`}</span>
        <button
          type="button"
          class="quiet"
          aria-pressed={kind === "true"}
          onClick={() => session.send.scaleToggled()}
        >
          true scale
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls when there are many states */}
      <section class="lanes" tabIndex={0} aria-label="Lanes">
        {lanes.map(({ name, bars }) => (
          <div class="lane" key={name}>
            <span class="name">
              <Line text={name} limit={40} />
            </span>
            <div class="track">
              {bars.map((bar) => (
                <BarOf key={bar.row} bar={bar} name={name} scale={scale} view={view} isOver={isOver.value} />
              ))}
            </div>
          </div>
        ))}
        {beats.length > 0 && (
          <Ticks name="lease" label="heartbeats" ticks={beats} after={at === null ? 1 : cursor} view={view} />
        )}
        {words.length > 0 && (
          <Ticks name="agent" label="words" ticks={words} after={at === null ? 1 : cursor} view={view} />
        )}
        {lanes.length > 0 && (
          <div class="lane over" aria-hidden="true">
            <span />
            <div class="track">
              <i class="cursor" style={{ left: `${cursor * 100}%` }} />
            </div>
          </div>
        )}
      </section>
    </section>
  );
}

/** Part of the width that a duration needs. */
const TEXT_SHARE = 0.12;

function BarOf(props: { bar: Bar; name: string; scale: Scale; view: View; isOver: boolean }) {
  const { bar, name, scale, view, isOver } = props;
  const { endMs, atMs, session } = view;
  const isOpen = bar.toMs === null && !isOver;
  const toMs = bar.toMs ?? endMs.value;
  const left = scale(bar.fromMs);
  const isPoint = isOver && bar.toMs === bar.fromMs;
  const right = isPoint ? 1 : scale(toMs);
  const shape = view.chart.states.find(({ path }) => path === name);
  const tone = /^fail/.test(name) ? " bad" : name === "skipped" ? " aside" : "";
  const text = isPoint ? "" : duration(toMs - bar.fromMs);
  // Where the text has no room in the bar it stands beside it.
  const beside = right - left >= TEXT_SHARE ? "" : right > 0.86 ? " before" : " after";
  const parts = bar.parts.length > 1 ? bar.parts.slice(1).map(({ fromMs }) => scale(fromMs)) : [];
  return (
    <button
      type="button"
      tabIndex={-1}
      class={`bar${tone}${beside}${isOpen ? " open" : ""}${bar.fromMs > atMs.value ? " future" : ""}${shape?.kind === "final" ? " end" : ""}`}
      style={{ left: `${left * 100}%`, width: `max(3px, ${(right - left) * 100}%)` }}
      title={visibleLine(`${bar.parts.map(({ state }) => state).join(" → ")} · ${text}`)}
      aria-label={visibleLine(`${name}, ${text}: look at its beginning`)}
      onClick={() => session.lookAt(bar.row)}
    >
      {parts.map((part) => (
        <i key={part} style={{ left: `${((part - left) / Math.max(right - left, 0.000001)) * 100}%` }} />
      ))}
      <em>{text}</em>
    </button>
  );
}

function Ticks(props: {
  name: string;
  label: string;
  ticks: ReturnType<typeof ticksOf>;
  after: number;
  view: View;
}) {
  const { name, label, ticks, after } = props;
  const total = ticks.reduce((sum, { count }) => sum + count, 0);
  return (
    <div class={`lane ticks of-${name}`}>
      <span class="name">{name}</span>
      <div class="track" role="img" aria-label={`${total} ${label}`}>
        {ticks.map(({ at, row }) => (
          <i key={row} class={at > after ? "future" : ""} style={{ left: `${at * 100}%` }} />
        ))}
      </div>
    </div>
  );
}
