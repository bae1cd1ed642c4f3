import { createStore } from "@xstate/store";
import type {
  CoverageAnswer,
  EventView,
  FleetAnswer,
  RunAnswer,
  RunSummary,
  RunsAnswer,
  SessionsAnswer,
  SessionView,
  SnapshotAnswer,
} from "../../../src/server/api.ts";
import type { Kind } from "../events/kinds.ts";
import type { RunTab } from "../runs/filter.ts";
import type { List, Place, Tab } from "./address.ts";
import { merged } from "./log.ts";

/** `file`: an exported run was opened; there is no server behind the page. */
export type Connection = "connecting" | "live" | "lost" | "refused" | "file";
export type Theme = "system" | "dark" | "light";

export interface PageState {
  readonly connection: Connection;
  readonly list: List;
  /** Whose sessions are listed. */
  readonly space: string;
  /** Newest first; consolidations, and the runs that learned a session. */
  readonly runs: readonly RunSummary[];
  readonly counts: RunsAnswer["counts"] | null;
  /** For the person, above the runs. */
  readonly notices: readonly string[];
  readonly tabOfRuns: RunTab;
  readonly wantedRuns: string;
  /** Newest first; null until they are read. */
  readonly sessions: readonly SessionView[] | null;
  /** By verdict, over all there are. */
  readonly sessionCounts: SessionsAnswer["counts"];
  /** Spaces that have sessions. */
  readonly sessionSpaces: readonly string[];
  /** There are older ones than those that were read. */
  readonly hasOlderSessions: boolean;
  readonly wantedSessions: string;
  /** Who works on this store, as it was last read; null until somebody looks. */
  readonly fleet: FleetAnswer | null;
  /** Key of the session that was picked. */
  readonly session: string | null;

  readonly run: string | null;
  readonly detail: RunAnswer | null;
  /** When `detail` was read, by the page's clock. */
  readonly readAtMs: number;
  readonly log: readonly EventView[];
  readonly hasEarlier: boolean;
  /** Id of the row that is looked at; null = now. */
  readonly at: number | null;
  /** By sequence. */
  readonly snapshots: Readonly<Record<number, SnapshotAnswer>>;

  readonly tab: Tab;
  readonly kinds: readonly Kind[];
  readonly wantedRows: string;
  /** Transition or state that was picked in the chart. */
  readonly picked: string | null;
  readonly coverage: CoverageAnswer | null;
  readonly scale: "floor" | "true";
  readonly theme: Theme;
  readonly notice: { readonly tone: "good" | "bad"; readonly text: string } | null;
}

const NOTHING_OF_A_RUN = {
  detail: null,
  readAtMs: 0,
  log: [],
  hasEarlier: false,
  at: null,
  snapshots: {},
  picked: null,
} as const;

const NO_SESSIONS = { sessions: null, sessionCounts: {}, hasOlderSessions: false } as const;

/** Another run may be of the other machine. */
const FORGET_COVERAGE = { coverage: null } as const;

/** All the page knows. Every change is one of these events, and each is a pure function of what was before. */
export function createPageStore(place: Place, theme: Theme) {
  return createStore({
    context: {
      connection: "connecting",
      runs: [],
      counts: null,
      notices: [],
      tabOfRuns: "all",
      wantedRuns: "",
      sessions: null,
      sessionCounts: {},
      sessionSpaces: [],
      hasOlderSessions: false,
      wantedSessions: "",
      fleet: null,
      ...NOTHING_OF_A_RUN,
      ...place,
      kinds: [],
      wantedRows: "",
      coverage: null,
      scale: "floor",
      theme,
      notice: null,
    } as PageState,
    on: {
      connected: (state, { to }: { to: Connection }) => ({ ...state, connection: to }),
      /** The newest runs, as they are now; older ones that are known stay. */
      runsRead: (state, { answer }: { answer: Pick<RunsAnswer, "runs" | "counts" | "notices"> }) => ({
        ...state,
        runs: newestFirst([...answer.runs, ...state.runs]),
        counts: answer.counts,
        notices: answer.notices ?? [],
      }),
      /** Sessions as they are now, and the newest runs that learned them. */
      sessionsRead: (
        state,
        { space, answer, runs }: { space: string; answer: SessionsAnswer; runs: readonly RunSummary[] },
      ) =>
        space === state.space
          ? {
              ...state,
              sessions: answer.sessions,
              sessionCounts: answer.counts,
              sessionSpaces: answer.spaces,
              hasOlderSessions: answer.nextBefore !== null,
              runs: newestFirst([...runs, ...state.runs]),
            }
          : state,
      /** Nothing of another space's sessions stays. */
      spaceChosen: (state, { space }: { space: string }) =>
        space === state.space
          ? state
          : {
              ...state,
              ...NOTHING_OF_A_RUN,
              ...NO_SESSIONS,
              ...{ space, run: null, session: null, wantedSessions: "" },
            },
      runChosen: (state, { run }: { run: string }) =>
        run === state.run ? state : { ...state, ...NOTHING_OF_A_RUN, ...FORGET_COVERAGE, session: null, run },
      /** A session with the newest of its runs, if one is kept. */
      sessionChosen: (state, { key, run }: { key: string; run: string | null }) => {
        const session = run === null ? key : null;
        return run === state.run && session === state.session
          ? state
          : { ...state, ...NOTHING_OF_A_RUN, ...FORGET_COVERAGE, session, run };
      },
      fleetRead: (state, { fleet }: { fleet: FleetAnswer }) => ({ ...state, fleet }),
      listChosen: (state, { list }: { list: List }) => ({ ...state, list }),
      /** The address changed under the page. */
      placed: (state, { place: to }: { place: Place }) => ({
        ...state,
        ...(to.space === state.space ? {} : NO_SESSIONS),
        ...(to.run === state.run && to.session === state.session
          ? {}
          : { ...NOTHING_OF_A_RUN, ...FORGET_COVERAGE }),
        ...to,
      }),
      detailRead: (state, { detail, nowMs }: { detail: RunAnswer; nowMs: number }) => {
        if (detail.run.id !== state.run) return state;
        const isFirst = state.log.length === 0;
        return {
          ...state,
          detail,
          readAtMs: nowMs,
          log: merged(state.log, detail.events),
          hasEarlier: isFirst ? detail.hasEarlier : state.hasEarlier,
          runs: newestFirst([detail.run, ...state.runs]),
        };
      },
      earlierRead: (
        state,
        { run, rows, hasEarlier }: { run: string; rows: readonly EventView[]; hasEarlier: boolean },
      ) => (run === state.run ? { ...state, log: merged(state.log, rows), hasEarlier } : state),
      rowsArrived: (state, { rows }: { rows: readonly EventView[] }) => {
        const own = rows.filter(({ run }) => run === state.run);
        return own.length === 0 || state.detail === null ? state : { ...state, log: merged(state.log, own) };
      },
      lookedAt: (state, { at }: { at: number | null }) => ({ ...state, at }),
      snapshotRead: (state, { run, answer }: { run: string; answer: SnapshotAnswer }) =>
        run === state.run
          ? { ...state, snapshots: { ...state.snapshots, [answer.sequence]: answer } }
          : state,
      coverageRead: (state, { coverage }: { coverage: CoverageAnswer }) => ({ ...state, coverage }),
      runsFiltered: (state, { tab, wanted }: { tab?: RunTab; wanted?: string }) => ({
        ...state,
        tabOfRuns: tab ?? state.tabOfRuns,
        wantedRuns: wanted ?? state.wantedRuns,
      }),
      sessionsFiltered: (state, { wanted }: { wanted: string }) => ({ ...state, wantedSessions: wanted }),
      rowsFiltered: (state, { kind, wanted }: { kind?: Kind; wanted?: string }) => ({
        ...state,
        kinds: kind === undefined ? state.kinds : toggled(state.kinds, kind),
        wantedRows: wanted ?? state.wantedRows,
      }),
      tabChosen: (state, { tab }: { tab: Tab }) => ({ ...state, tab }),
      picked: (state, { id }: { id: string | null }) => ({ ...state, picked: id }),
      scaleToggled: (state) => ({
        ...state,
        scale: state.scale === "floor" ? ("true" as const) : ("floor" as const),
      }),
      themeChosen: (state, { theme: to }: { theme: Theme }) => ({ ...state, theme: to }),
      noticed: (state, { notice }: { notice: PageState["notice"] }) => ({ ...state, notice }),
    },
  });
}

export type PageStore = ReturnType<typeof createPageStore>;

/** Each run once, as told last; ids sort by time. */
function newestFirst(runs: readonly RunSummary[]): readonly RunSummary[] {
  const byId = new Map<string, RunSummary>();
  for (const run of runs) {
    const known = byId.get(run.id);
    if (known === undefined || known.updatedAtMs < run.updatedAtMs) byId.set(run.id, run);
  }
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

function toggled<T>(all: readonly T[], one: T): readonly T[] {
  return all.includes(one) ? all.filter((each) => each !== one) : [...all, one];
}
