import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { EventView } from "../../src/server/api.ts";
import type { Chart } from "./chart/chart.ts";
import { possibleNext, type Step, stepsOf, takenBy, timeIn, type Visit, visitsOf } from "./chart/walk.ts";
import { filterRows, kindOf } from "./events/kinds.ts";
import type { Session } from "./session.ts";
import { indexOf } from "./state/log.ts";

/** What the panels draw: the chosen run, as it stands at the moment that is looked at. */
export interface View {
  readonly session: Session;
  /** Of the machine that the chosen run followed, or that would learn the picked session. Read anew wherever it is used. */
  readonly chart: Chart;
  readonly nowMs: ReadonlySignal<number>;
  readonly steps: ReadonlySignal<readonly Step[]>;
  /** Up to the moment that is looked at. */
  readonly seen: ReadonlySignal<readonly Step[]>;
  readonly rows: ReadonlySignal<readonly EventView[]>;
  /** Heartbeats, and all that is known of the agent's words and states; found once for each change of the log. */
  readonly beats: ReadonlySignal<readonly EventView[]>;
  readonly words: ReadonlySignal<readonly EventView[]>;
  /** The row that is looked at; the last one when looking at now. */
  readonly row: ReadonlySignal<EventView | null>;
  readonly atMs: ReadonlySignal<number>;
  readonly isOver: ReadonlySignal<boolean>;
  /** Dotted value at that moment. */
  readonly value: ReadonlySignal<string | null>;
  /** Of the whole run, for the timeline. */
  readonly visits: ReadonlySignal<readonly Visit[]>;
  readonly endMs: ReadonlySignal<number>;
  readonly times: ReadonlySignal<ReadonlyMap<string, number>>;
  readonly taken: ReadonlySignal<ReturnType<typeof takenBy>>;
  readonly possible: ReadonlySignal<ReadonlySet<string>>;
}

const TICK_MS = 500;

/** `charts`: the main machine first. */
export function createView(session: Session, charts: readonly Chart[]): View {
  const { state, file } = session;
  const clock = signal(Date.now());
  setInterval(() => {
    clock.value = Date.now();
  }, TICK_MS);

  const machine = computed(() => {
    const { detail, list, run } = state.value;
    return detail?.machine.id ?? (list === "sessions" && run === null ? "phase1" : "phase2");
  });
  const chart = computed(() => charts.find(({ id }) => id === machine.value) ?? (charts[0] as Chart));
  const log = computed(() => state.value.log);
  const at = computed(() => state.value.at);
  const detail = computed(() => state.value.detail);
  const isOver = computed(() => (detail.value?.run.state ?? "done") !== "active");
  const nowMs = computed(() => file.value?.exportedAtMs ?? clock.value);
  const steps = computed(() => stepsOf(log.value));
  const seen = computed(() => {
    const id = at.value;
    return id === null ? steps.value : steps.value.slice(0, indexOf(steps.value, id) + 1);
  });
  const row = computed(() => {
    const id = at.value;
    return log.value[id === null ? log.value.length - 1 : indexOf(log.value, id)] ?? null;
  });
  const endMs = computed(() =>
    isOver.value
      ? (log.value.at(-1)?.atMs ?? nowMs.value)
      : Math.max(nowMs.value, log.value.at(-1)?.atMs ?? 0),
  );
  const atMs = computed(() => (at.value === null ? endMs.value : (row.value?.atMs ?? endMs.value)));
  const value = computed(() => seen.value.at(-1)?.value ?? detail.value?.run.value ?? null);
  const kinds = computed(() => state.value.kinds);
  const wantedRows = computed(() => state.value.wantedRows);
  const visits = computed(() => visitsOf(steps.value, isOver.value));
  const seenVisits = computed(() => visitsOf(seen.value, isOver.value && at.value === null));
  return {
    session,
    get chart() {
      return chart.value;
    },
    nowMs,
    steps,
    seen,
    beats: computed(() => log.value.filter((one) => one.sequence === null && kindOf(one) === "lease")),
    words: computed(() =>
      log.value.filter(
        ({ type, sequence }) => type.startsWith("agent.") && (sequence !== null || type !== "agent.usage"),
      ),
    ),
    rows: computed(() => filterRows(log.value, kinds.value, wantedRows.value)),
    row,
    atMs,
    isOver,
    value,
    visits,
    endMs,
    times: computed(() => timeIn(seenVisits.value, atMs.value)),
    taken: computed(() => takenBy(chart.value, seen.value)),
    possible: computed(() =>
      value.value === null ? new Set<string>() : possibleNext(chart.value, value.value),
    ),
  };
}
