import { Rows } from "../list/rows.tsx";
import { indexOf } from "../state/log.ts";
import { duration } from "../text/duration.ts";
import { Json } from "../text/json.tsx";
import { Line } from "../text/shown.tsx";
import type { View } from "../view.ts";
import { gistOf, KINDS, kindOf, speakerOf, titleOf } from "./kinds.ts";

const ROW = 40;

/** The log: who said what when, and all that was said with it. */
export function EventsPanel({ view }: { view: View }) {
  const { session, rows, row, steps } = view;
  const { kinds, wantedRows, log, hasEarlier, at } = session.state.value;
  const shown = rows.value;
  const startMs = (steps.value[0] ?? log[0])?.atMs ?? 0;
  const here = row.value === null ? -1 : indexOf(shown, row.value.id);
  const chosen = shown[here];
  return (
    <div class="events">
      <div class="tools">
        <input
          id="filter-events"
          type="search"
          placeholder="Filter events  f"
          aria-label="Filter events"
          autocomplete="off"
          spellcheck={false}
          value={wantedRows}
          onInput={(event) => session.send.rowsFiltered({ wanted: event.currentTarget.value })}
        />
        <fieldset class="filters" aria-label="Who said it">
          {KINDS.map((kind) => (
            <button
              type="button"
              key={kind}
              aria-pressed={kinds.includes(kind)}
              onClick={() => session.send.rowsFiltered({ kind })}
            >
              {kind}
            </button>
          ))}
        </fieldset>
        <span class="hint" role="status">
          {shown.length === log.length
            ? `${log.length.toLocaleString("en")}${hasEarlier ? "+" : ""}`
            : `${shown.length.toLocaleString("en")} of ${log.length.toLocaleString("en")}`}
        </span>
      </div>
      <div class="log">
        <Rows
          id="event"
          label="Events"
          count={shown.length}
          rowHeight={ROW}
          chosen={here}
          follows={at === null}
          keyOf={(index) => shown[index]?.id ?? index}
          classOf={(index) => {
            const one = shown[index];
            if (one === undefined) return "";
            return `by-${kindOf(one)}${row.value !== null && one.id > row.value.id ? " future" : ""}${one.type.startsWith("xstate.error") ? " bad" : ""}`;
          }}
          choose={(index) => {
            const one = shown[index];
            if (one !== undefined) session.lookAt(one.id);
          }}
          render={(index) => {
            const one = shown[index];
            if (one === undefined) return null;
            return (
              <>
                <time>{duration(one.atMs - startMs)}</time>
                <b>
                  <Line text={titleOf(one)} limit={80} />
                </b>
                <small>
                  <Line text={speakerOf(one)} limit={40} />
                </small>
                <span>
                  <Line text={gistOf(one)} limit={200} />
                </span>
              </>
            );
          }}
        />
        <div class="payload">
          {chosen !== undefined && (
            <>
              <header>
                <h3>
                  <Line text={chosen.type} limit={120} />
                </h3>
                <span class="hint">
                  {chosen.sequence === null ? "observed" : `step ${chosen.sequence}`} · row {chosen.id}
                </span>
              </header>
              {chosen.value !== null && (
                <p class="led">
                  led to{" "}
                  <b>
                    <Line text={chosen.value} limit={60} />
                  </b>
                </p>
              )}
              <Json value={chosen.data} label="Payload" />
            </>
          )}
        </div>
      </div>
    </div>
  );
}
