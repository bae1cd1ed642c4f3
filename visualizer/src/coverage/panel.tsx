import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { titleOf } from "../events/kinds.ts";
import { Rows } from "../list/rows.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { heatOf } from "./heat.ts";

const ROW = 44;
const NAME_ROW = 22;

/** Every transition of the machine: how many generated paths go through it, and which. */
export function CoveragePanel({ view }: { view: View }) {
  const { session, chart } = view;
  const { coverage, picked } = session.state.value;
  const least = useSignal(false);
  const chosenPath = useSignal(-1);
  useEffect(() => {
    if (coverage !== null || session.file.value !== null) return;
    session.api
      .coverage(chart.id === "phase1" ? "phase1" : "phase2")
      .then((answer) => session.send.coverageRead({ coverage: answer }), session.failed);
  }, [coverage, chart.id]);

  const heat = coverage === null ? null : heatOf(coverage);
  const pathsOf = (id: string) => coverage?.transitions.find((each) => each.id === id)?.paths ?? [];
  const all = least.value
    ? chart.transitions.toSorted((a, b) => pathsOf(a.id).length - pathsOf(b.id).length)
    : chart.transitions;
  const untested =
    heat === null ? 0 : chart.transitions.filter(({ id }) => (heat.get(id)?.paths ?? 0) === 0).length;
  const transition = chart.transitions.find(({ id }) => id === picked);
  const through = transition === undefined ? [] : pathsOf(transition.id);
  return (
    <div class="coverage">
      <div class="transitions">
        <div class="tools">
          <span class="hint" role="status">
            {coverage === null
              ? session.file.value === null
                ? "No coverage is here: the path tests write it."
                : "A file of one run has no coverage."
              : `${coverage.paths.length.toLocaleString("en")} paths · ${untested === 0 ? "every transition is walked" : `${untested} not walked`}`}
          </span>
          <button
            type="button"
            class="quiet"
            aria-pressed={least.value}
            onClick={() => {
              least.value = !least.value;
            }}
          >
            least first
          </button>
        </div>
        <Rows
          id="transition"
          label="Transitions"
          count={all.length}
          rowHeight={ROW}
          chosen={all.findIndex(({ id }) => id === picked)}
          keyOf={(row) => all[row]?.id ?? row}
          classOf={(row) =>
            heat !== null && (heat.get(all[row]?.id ?? "")?.paths ?? 0) === 0 ? "untested" : ""
          }
          choose={(row) => session.send.picked({ id: all[row]?.id ?? null })}
          render={(row) => {
            const one = all[row];
            if (one === undefined) return null;
            const own = heat?.get(one.id);
            return (
              <>
                <b>
                  {one.source === chart.id ? "any state" : one.source} <i aria-hidden="true">→</i>{" "}
                  {one.target ?? "stays"}
                </b>
                <em>{own?.paths.toLocaleString("en") ?? ""}</em>
                <span>
                  <code>
                    {titleOf({ type: one.event })}
                    {one.guard === null ? "" : ` [${one.guard}]`}
                  </code>{" "}
                  {one.description}
                </span>
                {own !== undefined && (
                  <u style={{ width: `${Math.max(own.warmth * 100, own.paths > 0 ? 2 : 0)}%` }} />
                )}
              </>
            );
          }}
        />
      </div>
      <div class="paths">
        <h3>
          {transition === undefined ? "Paths" : `${through.length.toLocaleString("en")} paths through it`}
        </h3>
        {transition === undefined && <p class="empty">Pick a line of the chart or of the list.</p>}
        {transition !== undefined && through.length === 0 && coverage !== null && (
          <p class="empty">No generated path takes this transition.</p>
        )}
        {through.length > 0 && (
          <Rows
            id="path"
            label="Paths through the transition"
            class="words"
            count={through.length}
            rowHeight={NAME_ROW}
            chosen={chosenPath.value}
            keyOf={(row) => through[row] ?? row}
            choose={(row) => {
              chosenPath.value = row;
            }}
            render={(row) => {
              const name = coverage?.paths[through[row] ?? -1] ?? "";
              return <bdi title={visibleLine(name)}>{visibleLine(name)}</bdi>;
            }}
          />
        )}
      </div>
    </div>
  );
}
