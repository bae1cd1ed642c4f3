import { Rows } from "../list/rows.tsx";
import { moment } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import { shortened, visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { filterSessions, pickedSession, toneOfSession } from "./filter.ts";
import { agentName, sentenceOf } from "./words.ts";

const ROW = 52;

/** The sessions that agents keep here, newest first, each with what became of it and why. */
export function SessionsPanel({ view, onChoose }: { view: View; onChoose: () => void }) {
  const { session, nowMs } = view;
  const state = session.state.value;
  const { sessions, sessionCounts, sessionSpaces, hasOlderSessions, space, wantedSessions } = state;
  const shown = filterSessions(state);
  const picked = pickedSession(state);
  const total = Object.values(sessionCounts).reduce((sum, count) => sum + count, 0);
  const spaces = [...new Set([...sessionSpaces, space])].sort();
  return (
    <nav class="runs sessions" aria-label="Sessions">
      <div class="search">
        <input
          id="filter-sessions"
          type="search"
          placeholder="Filter sessions  /"
          aria-label="Filter sessions"
          autocomplete="off"
          spellcheck={false}
          value={wantedSessions}
          onInput={(event) => session.send.sessionsFiltered({ wanted: event.currentTarget.value })}
        />
        {spaces.length > 1 && (
          <select
            id="space-of-sessions"
            aria-label="Space"
            value={space}
            onChange={(event) => session.chooseSpace(event.currentTarget.value)}
          >
            {spaces.map((one) => (
              <option key={one} value={one}>
                {visibleLine(shortened(one, 60).text)}
              </option>
            ))}
          </select>
        )}
      </div>
      {total > 0 && (
        <p class="tally">
          {(sessionCounts.learned ?? 0).toLocaleString("en")} learned of {total.toLocaleString("en")}
          {hasOlderSessions && (
            <>
              ; the newest {(sessions?.length ?? 0).toLocaleString("en")} are here{" "}
              <button type="button" class="older" onClick={() => session.olderSessions()}>
                older
              </button>
            </>
          )}
        </p>
      )}
      {shown.length === 0 && (
        <p class="empty">
          {sessions === null
            ? "Looking for sessions…"
            : sessions.length > 0
              ? "No session matches."
              : "No session was looked at yet. `slowwave learn` reads what coding agents keep here."}
        </p>
      )}
      <Rows
        id="session"
        label="Sessions"
        count={shown.length}
        rowHeight={ROW}
        chosen={shown.findIndex(({ key }) => key === picked)}
        keyOf={(row) => shown[row]?.key ?? row}
        classOf={(row) => {
          const one = shown[row];
          return one === undefined ? "" : toneOfSession(one);
        }}
        choose={(row) => {
          const one = shown[row];
          if (one === undefined) return;
          session.selectSession(one.key);
          onChoose();
        }}
        render={(row) => {
          const one = shown[row];
          if (one === undefined) return null;
          return (
            <>
              <i class="dot" aria-hidden="true" />
              <div class="what">
                <b>
                  <span class="project">
                    <Line text={one.projectName ?? "no folder"} limit={60} />
                  </span>
                </b>
                <span>
                  <Line text={sentenceOf(one, nowMs.value)} limit={160} />
                </span>
              </div>
              <div class="when">
                <span>{moment(one.changedAt, nowMs.value)}</span>
                <span class="agent">
                  <Line text={agentName(one.agent)} limit={20} />
                </span>
              </div>
            </>
          );
        }}
      />
    </nav>
  );
}
