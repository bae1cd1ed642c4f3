import type { RetentionRequest, RetentionSlice } from "../../domain/ports.ts";
import {
  type CommitRequest,
  judgeRepeated,
  type LogRow,
  namesOwnIntents,
  type RunRecord,
  type RunStore,
  type RunTally,
  type Signal,
  statusOf,
} from "../../domain/run.ts";
import { applyPatches } from "../../domain/state-patch.ts";
import { storeError } from "../errors.ts";
import type { MemoryWorld } from "./world.ts";

type RunWorld = Pick<MemoryWorld, "runs" | "intents" | "actors" | "signals" | "log" | "patches" | "watchers">;

export function memoryRuns(world: RunWorld): RunStore {
  return {
    ...runCommits(world),
    ...runReads(world),
    ...runSignals(world),
    ...runOwners(world),
    ...runLogs(world),
  };
}

/** The commits of runs. */
function runCommits(world: RunWorld): Pick<RunStore, "create" | "commit"> {
  const { runs, intents, patches } = world;
  return {
    create: async (run, first) => {
      const known = runs.get(run.id);
      if (known !== undefined) return judgeRepeated(known, loggedAt(world, run.id, first.sequence), first);
      demandOwn(first);
      const { fence, sequence, snapshot, state, atMs } = first;
      const rest = { updatedAtMs: atMs, cancelRequestedAtMs: null, parked: null };
      put(world, { ...run, fence, sequence, snapshot, state, ...rest });
      intents.set(run.id, first.intents);
      record(world, first);
      return "ok";
    },
    commit: async (request) => {
      const run = activeRun(world, request.run, request.fence);
      if (run === null || run.sequence !== request.sequence - 1) {
        const known = runs.get(request.run) ?? null;
        return judgeRepeated(known, loggedAt(world, request.run, request.sequence), request);
      }
      demandOwn(request);
      const { sequence, state, atMs, patch } = request;
      // A patch is put to its use here, too: what it says must be what the whole state would have said.
      const known = { snapshot: run.snapshot, intents: intents.get(run.id) ?? [] };
      const whole = patch === undefined ? request : applyPatches(known, [patch]);
      if (patch === undefined) patches.delete(run.id);
      else patches.set(run.id, { sequence, patch });
      put(world, { ...run, sequence, snapshot: whole.snapshot, state, updatedAtMs: atMs });
      intents.set(run.id, whole.intents);
      record(world, request);
      return "ok";
    },
  };
}

/** What is known of runs. */
function runReads(
  world: RunWorld,
): Pick<RunStore, "read" | "list" | "unfinished" | "openIntents" | "actors" | "tally"> {
  const { runs, intents, actors } = world;
  return {
    read: async (run) => runs.get(run) ?? null,
    list: async ({ space, state, statuses, machines, before, limit }) =>
      [...runs.values()]
        .filter((run) => space === undefined || run.space === space)
        .filter((run) => state === undefined || run.state === state)
        .filter((run) => machines === undefined || machines.includes(run.machine))
        .filter(
          (run) => statuses === undefined || (run.state !== "active" && statuses.includes(statusOf(run))),
        )
        .filter((run) => before === undefined || run.id < before)
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit),
    unfinished: async ({ space, after = "", limit }) =>
      [...runs.values()]
        .filter((run) => run.state === "active" && (space === undefined || run.space === space))
        .filter(({ id }) => id > after)
        .map(({ id, space: of, owner }) => ({ id, space: of, owner }))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
    openIntents: async (run) => intents.get(run) ?? [],
    actors: async (run) => [...(actors.get(run)?.values() ?? [])],
    tally: async ({ space }) => {
      const counts = new Map<string, RunTally>();
      for (const run of runs.values()) {
        if (space !== undefined && run.space !== space) continue;
        const { state } = run;
        const status = state === "active" ? null : statusOf(run);
        const key = `${state}/${status}`;
        counts.set(key, { state, status, count: (counts.get(key)?.count ?? 0) + 1 });
      }
      return [...counts.values()];
    },
  };
}

/** Events that wait for their runs. */
function runSignals(
  world: RunWorld,
): Pick<RunStore, "signal" | "readSignal" | "closeSignals" | "inbox" | "pause" | "watch"> {
  const { runs, signals } = world;
  return {
    signal: async ({ run, key, event, nowMs }) => {
      const known = key === null ? undefined : signals.find((one) => one?.run === run && one.key === key);
      if (known !== undefined) return known;
      if (runs.get(run)?.state !== "active") return null;
      const id = signals.length + 1;
      const signal: Signal = { id, run, key, event, atMs: nowMs, state: "open", sequence: null };
      signals.push(signal);
      notify(world);
      return signal;
    },
    watch: async (listener, until) => {
      if (until.aborted) return;
      const own = () => listener();
      world.watchers.add(own);
      until.addEventListener("abort", () => world.watchers.delete(own));
    },
    readSignal: async (id) => signals[id - 1] ?? null,
    closeSignals: async ({ run, fence, ids }) => {
      if (runs.get(run)?.fence !== fence) return false;
      for (const id of ids)
        if (signals[id - 1]?.run === run) close(world, id, { state: "unhandled", sequence: null });
      return true;
    },
    inbox: async (owner) => {
      const own = [...runs.values()].filter((run) => run.owner === owner && run.state === "active");
      const ids = new Set(own.map(({ id }) => id));
      return {
        signals: signals.filter(({ run, state }) => state === "open" && ids.has(run)),
        paused: own.filter(({ pausedAtMs }) => pausedAtMs !== undefined).map(({ id }) => id),
      };
    },
    pause: async ({ run: id, isPaused, nowMs }) => {
      const run = runs.get(id);
      if (run?.state !== "active") return false;
      const { pausedAtMs: _, ...running } = run;
      put(world, isPaused ? { ...run, pausedAtMs: nowMs } : running);
      notify(world);
      return true;
    },
  };
}

/** Whose a run is, and what is asked of its owner. */
function runOwners(
  world: RunWorld,
): Pick<RunStore, "takeOver" | "park" | "requestCancel" | "cancelRequests"> {
  const { runs } = world;
  return {
    takeOver: async ({ run: id, fence, owner, nowMs, as, isParked }) => {
      const parked = runs.get(id);
      if (isParked && parked?.state === "parked" && parked.fence === fence) {
        put(world, { ...parked, state: "active", parked: null });
      }
      const run = activeRun(world, id, fence);
      if (run !== null) return put(world, { ...run, ...as, fence: fence + 1, owner, updatedAtMs: nowMs });
      const repeated = activeRun(world, id, fence + 1);
      return repeated?.owner === owner ? repeated : null;
    },
    park: async ({ run: id, fence, reason, nowMs }) => {
      const run = activeRun(world, id, fence);
      if (run !== null) put(world, { ...run, state: "parked", parked: reason, updatedAtMs: nowMs });
      const now = runs.get(id);
      return now?.state === "parked" && now.fence === fence && now.parked === reason;
    },
    requestCancel: async (id, nowMs) => {
      const run = runs.get(id);
      if (run?.state !== "active") return false;
      put(world, { ...run, cancelRequestedAtMs: run.cancelRequestedAtMs ?? nowMs });
      notify(world);
      return true;
    },
    cancelRequests: async (owner) =>
      [...runs.values()]
        .filter((run) => run.owner === owner && run.state === "active" && run.cancelRequestedAtMs !== null)
        .map(({ id }) => id)
        .sort(),
  };
}

/** The log. */
function runLogs(
  world: RunWorld,
): Pick<RunStore, "note" | "log" | "tail" | "steps" | "messages" | "redact" | "dropPatches"> {
  const { runs, log } = world;
  return {
    note: async (run, { atMs, type, data }) => {
      const text = JSON.stringify(data) ?? "null";
      if (!runs.has(run)) throw storeError("store_rejected", "in memory");
      return append(world, { run, sequence: null, atMs, type, value: null, data: text });
    },
    log: async ({ run, after, limit }) =>
      log
        .slice(Math.max(0, after))
        .filter((row) => run === undefined || row.run === run)
        .slice(0, limit),
    tail: async ({ run, before, limit }) =>
      log
        .slice(0, before === undefined ? log.length : Math.max(0, before - 1))
        .filter((row) => run === undefined || row.run === run)
        .slice(-limit),
    steps: async ({ run, to }) =>
      log.filter((row) => row.run === run && row.sequence !== null && row.sequence <= to),
    messages: async ({ run, actor, limit }) =>
      log.filter((row) => row.run === run && row.actor === actor).slice(-limit),
    // It keeps whole states alone.
    dropPatches: async () => {},
    redact: async ({ rows, snapshot }) => {
      for (const { id, data } of rows) {
        const row = log[id - 1];
        if (row !== undefined) log[id - 1] = { ...row, data };
      }
      const run = snapshot === null ? undefined : runs.get(snapshot.run);
      if (run !== undefined && run.state !== "active" && snapshot !== null) {
        put(world, { ...run, snapshot: snapshot.snapshot });
      }
    },
  };
}

function loggedAt(
  { log, patches }: RunWorld,
  run: string,
  sequence: number,
): (LogRow & { patch: string | null }) | null {
  const row = log.find((one) => one?.run === run && one.sequence === sequence);
  const last = patches.get(run);
  return row === undefined ? null : { ...row, patch: last?.sequence === sequence ? last.patch : null };
}

/** Its own stores hear of it, too: what is stored is one thing for all of them. */
function notify({ watchers }: RunWorld): void {
  for (const watcher of watchers) queueMicrotask(watcher);
}

function append({ log }: RunWorld, row: Omit<LogRow, "id">): number {
  const id = log.length + 1;
  log.push({ id, ...row });
  return id;
}

/** The log rows, intents, actors and signals of an accepted commit. */
function record(world: RunWorld, request: CommitRequest): void {
  const { actors } = world;
  const { run, sequence, atMs, eventType: type, value, event: data, actor } = request;
  append(world, { run, sequence, atMs, type, value, data, ...(actor === undefined ? {} : { actor }) });
  for (const message of request.messages ?? []) {
    const to = message.actor === null ? {} : { actor: message.actor };
    append(world, {
      run,
      sequence,
      atMs,
      type: message.type,
      value: message.value,
      data: message.event,
      ...to,
    });
  }
  const own = new Map(actors.get(run));
  for (const key of request.removed ?? []) own.delete(key);
  for (const row of request.actors ?? []) own.set(row.key, row);
  actors.set(run, own);
  for (const id of request.signals ?? []) close(world, id, { state: "handled", sequence });
}

function close({ signals }: RunWorld, id: number, end: Pick<Signal, "state" | "sequence">): void {
  const signal = signals[id - 1];
  if (signal?.state === "open") signals[id - 1] = { ...signal, ...end };
}

function demandOwn(request: CommitRequest): void {
  if (!namesOwnIntents(request)) throw storeError("store_rejected", "in memory");
}

function activeRun({ runs }: RunWorld, id: string, fence: number): RunRecord | null {
  const run = runs.get(id);
  return run?.state === "active" && run.fence === fence ? run : null;
}

function put({ runs }: RunWorld, run: RunRecord): RunRecord {
  runs.set(run.id, run);
  return run;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** All at once: nothing in memory takes long enough to be done in slices. */
export function memoryRetention(world: MemoryWorld, request: RetentionRequest): RetentionSlice {
  const { space, keepRuns, keepRunDays, nowMs } = request;
  const newestFirst = [...world.runs.values()]
    .filter((run) => run.space === space)
    .sort((a, b) => (a.id < b.id ? 1 : -1));
  const untilMs = nowMs - keepRunDays * DAY_MS;
  const longUntilMs = nowMs - 2 * keepRunDays * DAY_MS;
  const isOver = ({ state }: RunRecord) => state === "done" || state === "error";
  const isPast = (run: RunRecord, place: number) => {
    if (place < keepRuns || run.updatedAtMs >= untilMs || !isOver(run)) return false;
    const isFailed = (statusOf(run) ?? "failed").startsWith("failed");
    return !isFailed || (place >= 2 * keepRuns && run.updatedAtMs < longUntilMs);
  };
  let removed = 0;
  for (const run of newestFirst.filter(isPast)) {
    removed += 1 + removeLog(world, run.id);
    world.runs.delete(run.id);
    world.intents.delete(run.id);
    world.actors.delete(run.id);
  }
  const drafted = new Set(world.drafts.map(({ draft }) => draft.run));
  for (const run of newestFirst.slice(keepRuns)) {
    if (isOver(run) && !drafted.has(run.id) && world.inputs.delete(run.id)) removed += 1;
  }
  return { removed: removed + removeSettlements(world, space, longUntilMs), isDone: true };
}

function removeLog({ log, signals }: MemoryWorld, run: string): number {
  const rows = log.filter((row) => row.run === run);
  // An empty place keeps the ids of the rows behind it.
  for (const { id } of rows) delete log[id - 1];
  for (const { id } of signals.filter((signal) => signal.run === run)) delete signals[id - 1];
  return rows.length;
}

function removeSettlements(
  { settlements, settledAt, runs, sessionJobs }: MemoryWorld,
  space: string,
  untilMs: number,
): number {
  const isAtWork = [...runs.values()].some((run) => run.space === space && run.state === "active");
  if (isAtWork) return 0;
  // Runs of phase 1 have no space of their own; each of their settlements is under the row of its session.
  const isOurs = (of: string) => (space === "" ? sessionJobs.has(of) : of === space);
  const past = [...settledAt].filter(([, one]) => isOurs(one.space) && one.atMs < untilMs);
  for (const [key] of past) {
    settlements.delete(key);
    settledAt.delete(key);
  }
  return past.length;
}
