import { useRef } from "preact/hooks";
import { Rows } from "../list/rows.tsx";
import { duration, moment } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import type { View } from "../view.ts";
import { filterRuns, RUN_TABS, type RunTab, toneOfRun } from "./filter.ts";

const ROW = 52;

/** All runs, newest first, with why each ended as it did. */
export function RunsPanel({ view, onChoose }: { view: View; onChoose: () => void }) {
  const { session, nowMs } = view;
  const { runs, counts, notices, tabOfRuns, wantedRuns, run } = session.state.value;
  const shown = filterRuns(runs, tabOfRuns, wantedRuns);
  const chosen = shown.findIndex(({ id }) => id === run);
  const box = useRef<HTMLInputElement>(null);
  return (
    <nav class="runs" aria-label="Runs">
      {notices.map((notice) => (
        <p class="bad empty" role="status" key={notice}>
          {notice}
        </p>
      ))}
      <div class="search">
        <input
          ref={box}
          id="filter-runs"
          type="search"
          placeholder="Filter runs  /"
          aria-label="Filter runs"
          autocomplete="off"
          spellcheck={false}
          value={wantedRuns}
          onInput={(event) => session.send.runsFiltered({ wanted: event.currentTarget.value })}
        />
      </div>
      <fieldset class="filters" aria-label="Status">
        {RUN_TABS.map((tab) => {
          const count = countOf(counts, tab);
          if (count === 0 && tab !== "all" && tab !== tabOfRuns) return null;
          return (
            <button
              type="button"
              key={tab}
              aria-pressed={tab === tabOfRuns}
              onClick={() => session.send.runsFiltered({ tab })}
            >
              {tab === "active" ? "running" : tab} <sup>{count?.toLocaleString("en") ?? ""}</sup>
            </button>
          );
        })}
      </fieldset>
      {shown.length === 0 && (
        <p class="empty">
          {runs.length > 0
            ? "No run matches."
            : counts === null
              ? "Looking for runs…"
              : "No run yet. Start one with `slowwave run`; it appears here by itself."}
        </p>
      )}
      <Rows
        id="run"
        label="Runs"
        count={shown.length}
        rowHeight={ROW}
        chosen={chosen}
        keyOf={(row) => shown[row]?.id ?? row}
        classOf={(row) => {
          const one = shown[row];
          return one === undefined ? "" : toneOfRun(one);
        }}
        choose={(row) => {
          const one = shown[row];
          if (one === undefined) return;
          session.select(one.id);
          onChoose();
        }}
        render={(row) => {
          const one = shown[row];
          if (one === undefined) return null;
          const isActive = one.state === "active";
          return (
            <>
              <i class="dot" aria-hidden="true" />
              <div class="what">
                <b>
                  <Line text={shortId(one.id)} />
                  {one.space !== "global" && (
                    <small>
                      <Line text={one.space} limit={60} />
                    </small>
                  )}
                </b>
                <span>
                  <Line text={one.line} limit={120} />
                </span>
              </div>
              <div class="when">
                <b>{duration((isActive ? nowMs.value : one.updatedAtMs) - one.createdAtMs)}</b>
                <span>{moment(one.createdAtMs, nowMs.value)}</span>
              </div>
              <span class="hidden">{toneOfRun(one)}</span>
            </>
          );
        }}
      />
    </nav>
  );
}

function countOf(
  counts: Readonly<Record<Exclude<RunTab, "all">, number>> | null,
  tab: RunTab,
): number | null {
  if (counts === null) return null;
  return tab === "all" ? Object.values(counts).reduce((sum, count) => sum + count, 0) : counts[tab];
}

/** Ids sort by time, so their ends tell them apart. */
export function shortId(id: string): string {
  return id.length <= 14 ? id : `…${id.slice(-10)}`;
}
