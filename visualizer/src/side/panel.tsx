import { FleetSummary } from "../fleet/panel.tsx";
import { RunsPanel } from "../runs/panel.tsx";
import { SessionsPanel } from "../sessions/panel.tsx";
import { LISTS, type List } from "../state/address.ts";
import type { View } from "../view.ts";

const TITLES: Readonly<Record<List, string>> = {
  runs: "Runs",
  sessions: "Sessions",
  fleet: "Fleet",
};

/** What there is to look at, as one of several lists. */
export function SidePanel({ view, onChoose }: { view: View; onChoose: () => void }) {
  const { session } = view;
  const { list } = session.state.value;
  return (
    <div class="side">
      <h1 class="brand">
        <b>Slowwave</b> <span>agent memory</span>
      </h1>
      <fieldset class="lists" aria-label="What to look at">
        {LISTS.map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === list}
            onClick={() => {
              session.show(one);
              // Where there is room for one thing alone, the fleet is that.
              if (one === "fleet") onChoose();
            }}
          >
            {TITLES[one]}
          </button>
        ))}
      </fieldset>
      {list === "sessions" && <SessionsPanel view={view} onChoose={onChoose} />}
      {list === "runs" && <RunsPanel view={view} onChoose={onChoose} />}
      {list === "fleet" && <FleetSummary view={view} />}
    </div>
  );
}
