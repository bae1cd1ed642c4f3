import { computed, effect, signal, untracked } from "@preact/signals";
import type { DiffAnswer, EventView, ExportedRun, SnapshotAnswer } from "../../src/server/api.ts";
import { type Api, ApiError } from "./net/api.ts";
import { hashOf, type List, type Place, placeOf } from "./state/address.ts";
import { indexOf } from "./state/log.ts";
import { createPageStore, type PageState, type PageStore, type Theme } from "./state/page-store.ts";

const RUNS_PAGE = 500;
const MOST_RUNS = 20_000;
/** As many as the server gives at once. */
const SESSIONS_PAGE = 500;
const FLEET_MS = 2_000;
const EVENTS_PAGE = 1_000;
/** News come in bursts; what they lead to is asked for once. */
const QUIET_MS = 150;
/** Beats and words of the agent change little of the rest. */
const CHATTER_MS = 2_000;

export interface Session {
  readonly state: { readonly value: PageState };
  readonly send: PageStore["trigger"];
  readonly api: Api;
  /** The exported run that is shown instead of a server's. */
  readonly file: { readonly value: ExportedRun | null };
  /** There is a server and a token for it: what is chosen may be asked for. */
  admit(): void;
  select(run: string): void;
  /** Picks a session, with the newest of its runs if one is kept. */
  selectSession(key: string): void;
  show(list: List): void;
  /** Lists the sessions of another space. */
  chooseSpace(space: string): void;
  /** Reads the next page of sessions, too. */
  olderSessions(): void;
  lookAt(at: number | null): void;
  rowsArrived(rows: readonly EventView[]): void;
  refresh(): void;
  open(file: ExportedRun): void;
  diff(from: string | null, to: string): Promise<DiffAnswer>;
  notify(tone: "good" | "bad", text: string): void;
  failed(error: unknown): void;
}

/** Joins the store to the server and to the address bar: everything of the page that waits for something. */
export function createSession(api: Api, theme: Theme): Session {
  const store = createPageStore(placeOf(location.hash), theme);
  const state = signal(store.getSnapshot().context);
  store.subscribe(({ context }) => {
    state.value = context;
  });
  const send = store.trigger;
  const file = signal<ExportedRun | null>(null);
  const isAdmitted = signal(false);
  const read = () => state.value;

  const notify: Session["notify"] = (tone, text) => send.noticed({ notice: { tone, text } });
  const failed = (error: unknown) => {
    if (error instanceof ApiError && error.status === 401) send.connected({ to: "refused" });
    else if (error instanceof TypeError) send.connected({ to: "lost" });
    else notify("bad", error instanceof Error ? error.message : String(error));
  };

  async function readDetail(run: string): Promise<void> {
    const detail = await api.run(run);
    send.detailRead({ detail, nowMs: Date.now() });
    await readEarlier(run);
  }

  let reading: string | null = null;
  async function readEarlier(run: string): Promise<void> {
    if (reading === run) return;
    reading = run;
    try {
      while (read().run === run && read().hasEarlier) {
        const first = read().log[0];
        if (first === undefined) return;
        const { events, hasEarlier } = await api.events(run, first.id, EVENTS_PAGE);
        send.earlierRead({ run, rows: events, hasEarlier: hasEarlier && events.length > 0 });
      }
    } finally {
      reading = null;
    }
  }

  async function readRuns(): Promise<void> {
    const isFirst = read().counts === null;
    const newest = await api.runs(null, RUNS_PAGE);
    send.runsRead({ answer: newest });
    const first = newest.runs.find(({ state: is }) => is === "active") ?? newest.runs[0];
    const { run, list } = read();
    if (run === null && list === "runs" && first !== undefined && !isNarrow()) select(first.id);
    if (!isFirst) return;
    let before = newest.nextBefore;
    while (before !== null && read().runs.length < MOST_RUNS) {
      const older = await api.runs(before, RUNS_PAGE);
      send.runsRead({ answer: { ...older, counts: read().counts ?? older.counts } });
      before = older.nextBefore;
    }
  }

  let pages = 1;
  /** As many pages as somebody has looked at, each as it is now. */
  async function readSessions(): Promise<void> {
    const { space } = read();
    const [first, learned] = await Promise.all([
      api.sessions(space, null, SESSIONS_PAGE),
      api.runs(null, RUNS_PAGE, "phase1"),
    ]);
    let answer = first;
    for (let page = 1; page < pages && answer.nextBefore !== null; page += 1) {
      const older = await api.sessions(space, answer.nextBefore, SESSIONS_PAGE);
      answer = { ...older, sessions: [...answer.sessions, ...older.sessions] };
    }
    send.sessionsRead({ space, answer, runs: learned.runs });
    // A picked session that was being waited for may have a run by now.
    const { session } = read();
    if (session !== null) selectSession(session);
  }

  const readChosen = () => {
    const { run } = read();
    if (run !== null) readDetail(run).catch(failed);
  };
  const soonRuns = debounced(QUIET_MS, () => readRuns().catch(failed));
  const soonSessions = debounced(QUIET_MS, () => {
    if (read().list === "sessions") readSessions().catch(failed);
  });
  const soonDetail = debounced(QUIET_MS, readChosen);
  const laterDetail = debounced(CHATTER_MS, readChosen);

  function select(run: string): void {
    send.runChosen({ run });
  }

  function selectSession(key: string): void {
    const newest = read().runs.find(({ session }) => session === key);
    send.sessionChosen({ key, run: newest?.id ?? null });
  }

  // The sessions are read when somebody looks at them.
  const spaceLookedAt = computed(() => (state.value.list === "sessions" ? state.value.space : null));
  effect(() => {
    if (spaceLookedAt.value === null || !isAdmitted.value || file.peek() !== null) return;
    pages = 1;
    // What it looks at on its way is no reason to read anew.
    untracked(readSessions).catch(failed);
  });

  // Workers tell of themselves every few seconds; what they tell is no row of the log.
  const isAtFleet = computed(() => state.value.list === "fleet" && isAdmitted.value && file.value === null);
  effect(() => {
    if (!isAtFleet.value) return;
    const readFleet = () => {
      if (!document.hidden) api.fleet().then((fleet) => send.fleetRead({ fleet }), failed);
    };
    readFleet();
    const timer = setInterval(readFleet, FLEET_MS);
    return () => clearInterval(timer);
  });

  // A run that is chosen is read, from wherever the choice came.
  const chosen = computed(() => state.value.run);
  effect(() => {
    const run = chosen.value;
    if (run !== null && isAdmitted.value && file.peek() === null) readDetail(run).catch(failed);
  });

  // A moment that is looked at has a snapshot, and so has the one before it; each is read once.
  const wanted = computed(() => {
    const { run, at, log, snapshots, tab } = state.value;
    if (run === null || (at === null && tab !== "snapshot")) return "";
    const seen = at === null ? log : log.slice(0, indexOf(log, at) + 1);
    const sequence = seen.findLast((row) => row.sequence !== null)?.sequence ?? null;
    if (sequence === null) return "";
    const missing = [sequence, sequence - 1].filter((one) => one >= 0 && !(one in snapshots));
    return missing.map((one) => `${one} ${run}`).join();
  });
  const asked = new Set<string>();
  effect(() => {
    const moments = wanted.value.split(",").filter((moment) => moment !== "" && !asked.has(moment));
    if (!isAdmitted.value || file.peek() !== null) return;
    for (const moment of moments) {
      asked.add(moment);
      const [sequence = "", run = ""] = moment.split(" ");
      api.at(run, Number(sequence)).then(
        (answer: SnapshotAnswer) => send.snapshotRead({ run, answer }),
        (error: unknown) => {
          asked.delete(moment);
          failed(error);
        },
      );
    }
  });
  // A run that is chosen again begins anew.
  effect(() => {
    if (chosen.value !== null) asked.clear();
  });

  const place = computed((): Place => {
    const { list, space, run, session, at, tab } = state.value;
    return { list, space, run, session, at, tab };
  });
  let shown: Place = place.peek();
  effect(() => {
    const hash = hashOf(place.value);
    if (hash === location.hash) return;
    const url = `${location.pathname}${location.search}${hash}`;
    // Another run is another page to go back to; a step in time is not.
    const { run, session } = place.value;
    const wasSomething = shown.run !== null || shown.session !== null;
    if (wasSomething && (shown.run !== run || shown.session !== session)) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    shown = place.value;
  });
  addEventListener("popstate", () => send.placed({ place: placeOf(location.hash) }));
  addEventListener("hashchange", () => send.placed({ place: placeOf(location.hash) }));

  return {
    state,
    send,
    api,
    file,
    admit: () => {
      isAdmitted.value = true;
    },
    select,
    selectSession,
    show: (list) => send.listChosen({ list }),
    chooseSpace: (space) => send.spaceChosen({ space }),
    olderSessions: () => {
      pages += 1;
      readSessions().catch(failed);
    },
    notify,
    failed,
    lookAt: (at) => send.lookedAt({ at }),
    rowsArrived(rows) {
      send.rowsArrived({ rows });
      const steps = rows.filter(({ sequence }) => sequence !== null);
      if (steps.length > 0) {
        soonRuns();
        soonSessions();
      }
      const { run: own } = read();
      if (steps.some(({ run }) => run === own)) soonDetail();
      else if (rows.some(({ run }) => run === own)) laterDetail();
    },
    refresh() {
      soonRuns();
      soonSessions();
      soonDetail();
    },
    open(exported) {
      file.value = exported;
      send.connected({ to: "file" });
      send.runChosen({ run: exported.detail.run.id });
      send.detailRead({ detail: exported.detail, nowMs: exported.exportedAtMs });
      for (const answer of exported.snapshots) send.snapshotRead({ run: exported.detail.run.id, answer });
    },
    async diff(from, to) {
      const exported = file.value;
      if (exported === null) return api.diff(from, to);
      if (exported.diff === null) throw new Error("This file was exported without what the run changed.");
      return exported.diff;
    },
  };
}

function isNarrow(): boolean {
  return matchMedia("(max-width: 760px)").matches;
}

/** Acts once for all calls of the next while. */
function debounced(whileMs: number, act: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      act();
    }, whileMs);
  };
}
