import { filterRuns } from "../runs/filter.ts";
import { filterSessions, pickedSession } from "../sessions/filter.ts";
import { TABS } from "../state/address.ts";
import type { Theme } from "../state/page-store.ts";
import { stepped } from "../state/steps.ts";
import type { View } from "../view.ts";
import { type Act, actOf } from "./bindings.ts";

/** The next session of the list, or the one before. */
function stepSession({ session }: View, by: number): void {
  const shown = filterSessions(session.state.value);
  const next =
    shown[Math.max(0, shown.findIndex(({ key }) => key === pickedSession(session.state.value)) + by)];
  if (next !== undefined) session.selectSession(next.key);
}

/** Gives the whole page its keys. */
export function obeyKeys(view: View, showHelp: () => void): void {
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement | null;
    if (event.key === "Escape" && target?.matches("input")) target.blur();
    if (document.querySelector("dialog[open]") !== null) return;
    const act = actOf(event, target?.matches("input, textarea, select") === true);
    if (act === null || event.defaultPrevented) return;
    event.preventDefault();
    obey(act, view, showHelp);
  });
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: "dark", dark: "light", light: "system" };

function obey(act: Act, view: View, showHelp: () => void): unknown {
  const { session, rows, steps } = view;
  const state = session.state.value;
  switch (act.kind) {
    case "step":
      return session.lookAt(stepped(act.among === "rows" ? rows.value : steps.value, state.at, act.by));
    case "first":
      return session.lookAt(rows.value[0]?.id ?? null);
    case "now":
      return session.lookAt(null);
    case "run": {
      if (state.list === "sessions") return stepSession(view, act.by);
      const runs = filterRuns(state.runs, state.tabOfRuns, state.wantedRuns);
      const next = runs[Math.max(0, runs.findIndex(({ id }) => id === state.run) + act.by)];
      return next === undefined ? null : session.select(next.id);
    }
    case "tab": {
      const tab = TABS[act.index];
      return tab === undefined ? null : session.send.tabChosen({ tab });
    }
    case "scale":
      return session.send.scaleToggled();
    case "theme":
      return session.send.themeChosen({ theme: NEXT_THEME[state.theme] });
    case "filter-runs":
      return document.getElementById(`filter-${state.list}`)?.focus();
    case "filter-events":
      session.send.tabChosen({ tab: "events" });
      return requestAnimationFrame(() => document.getElementById("filter-events")?.focus());
    case "retry":
    case "cancel":
      return document.getElementById(`${act.kind}-run`)?.click();
    case "help":
      return showHelp();
  }
}
