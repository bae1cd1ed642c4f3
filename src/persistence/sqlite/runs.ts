import type { Database } from "better-sqlite3";
import {
  type CommitOutcome,
  type CommitRequest,
  judgeRepeated,
  type NewRun,
  namesOwnIntents,
  type RunStore,
} from "../../domain/run.ts";
import { storeError } from "../errors.ts";
import { LAST_SEQUENCE, type RunQueries, runQueries } from "./run-queries.ts";
import { type Watch, watchCommits } from "./watch.ts";
import { GROUP_LIMIT, type StepRow, type Writer } from "./writer.ts";

function writesOf(db: Database) {
  const insertRun = db.prepare(
    `insert into runs (id, space, machine, version, hash, state, sequence, fence, owner, snapshot, created_at,
       updated_at, intents, logged) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select ifnull(max(id), 0) from events))
       on conflict (id) do nothing`,
  );
  // The guard: this process still acts for the run, the run lives, and nobody took this place in its log.
  const LOG_STEP = `insert into events (run, sequence, at, type, value, data, actor, patch)
    select id, ?, ?, ?, ?, ?, ?, ? from runs where id = ? and fence = ? and state = 'active'`;
  const logNext = db.prepare(LOG_STEP);
  const logStep = db.prepare(`${LOG_STEP} and ifnull(${LAST_SEQUENCE}, sequence) = ?`);
  // Naming the state, even the same, would rewrite its indexes.
  const WHOLE = "update runs set sequence = ?, snapshot = ?, updated_at = ?, intents = ?, logged = ?";
  const keepWhole = db.prepare(`${WHOLE} where id = ?`);
  const finish = db.prepare(`${WHOLE}, state = ? where id = ?`);
  const dataVersion = db.prepare<[], number>("pragma data_version").pluck();
  const dropPatches = db.prepare(
    "update events set patch = null where patch is not null and run in (select id from runs where state <> 'active')",
  );
  const logRow = db.prepare(
    "insert into events (run, sequence, at, type, value, data, actor) values (?, ?, ?, ?, ?, ?, ?)",
  );
  const putActor = db.prepare(
    `insert into run_actors (run, key, begun, snapshot, intents) values (?, ?, ?, ?, ?)
     on conflict (run, key) do update set snapshot = excluded.snapshot, intents = excluded.intents`,
  );
  const removeActor = db.prepare("delete from run_actors where run = ? and key = ?");
  const leaveSignal = db.prepare<[string, string | null, string, number, string]>(
    `insert into signals (run, key, event, at) select ?, ?, ?, ? where exists
     (select 1 from runs where id = ? and state = 'active')`,
  );
  const takeSignal = db.prepare<[number, number, string]>(
    "update signals set state = 'handled', sequence = ? where id = ? and run = ? and state = 'open'",
  );
  const closeSignal = db.prepare<[number, string]>(
    "update signals set state = 'unhandled' where id = ? and run = ? and state = 'open'",
  );
  const pause = db.prepare<[number | null, string]>(
    "update runs set paused_at = ? where id = ? and state = 'active'",
  );
  const takeOver = db.prepare(
    `update runs set fence = fence + 1, owner = @owner, updated_at = @nowMs
     where id = @run and fence = @fence and state = 'active'`,
  );
  const unpark = db.prepare<[string, number]>(
    "update runs set state = 'active', parked = null where id = ? and fence = ? and state = 'parked'",
  );
  const relabel = db.prepare<[string, string, string, string]>(
    "update runs set version = ?, hash = ?, snapshot = ? where id = ?",
  );
  const park = db.prepare(
    `update runs set state = 'parked', parked = @reason, updated_at = @nowMs
     where id = @run and fence = @fence and state = 'active'`,
  );
  const redactRow = db.prepare<[string, number]>("update events set data = ? where id = ?");
  const redactSnapshot = db.prepare<[string, string]>(
    "update runs set snapshot = ? where id = ? and state <> 'active'",
  );
  const requestCancel = db.prepare(
    "update runs set cancel_requested_at = coalesce(cancel_requested_at, ?) where id = ? and state = 'active'",
  );
  return {
    insertRun,
    logNext,
    logStep,
    keepWhole,
    finish,
    dataVersion,
    dropPatches,
    logRow,
    putActor,
    removeActor,
    leaveSignal,
    takeSignal,
    closeSignal,
    pause,
    takeOver,
    unpark,
    relabel,
    park,
    redactRow,
    redactSnapshot,
    requestCancel,
  };
}

export function sqliteRuns(db: Database, writer: Writer): RunStore {
  const { write, read } = writer;
  const queries = runQueries(db);
  const statements = writesOf(db);
  const { logRow, takeOver, unpark, relabel, park, redactRow, redactSnapshot, dropPatches } = statements;
  const commits = commitsOf(db, queries, statements);
  const watching = watchCommits(db);
  return {
    ...reads(queries, read),
    ...stepsOf(commits, writer),
    ...leavings(queries, { statements, writer, watching }),
    watch: async (listener, until) => watching.watch(listener, until),
    takeOver: (request) =>
      write(() => {
        const { run: id, fence, owner, nowMs, as, isParked } = request;
        if (isParked === true) unpark.run(id, fence);
        commits.settleState(id);
        const isTaken = takeOver.run({ run: id, fence, owner, nowMs }).changes === 1;
        if (isTaken && as !== undefined) relabel.run(as.version, as.hash, as.snapshot, id);
        const run = queries.run(request.run);
        const isRepeated =
          run?.state === "active" && run.fence === request.fence + 1 && run.owner === request.owner;
        return isTaken || isRepeated ? run : null;
      }),
    park: (request) =>
      write(() => {
        commits.settleState(request.run);
        if (park.run(request).changes === 1) return true;
        const run = queries.run(request.run);
        return run?.state === "parked" && run.fence === request.fence && run.parked === request.reason;
      }),
    note: async (run, { atMs, type, data }) => {
      const text = JSON.stringify(data) ?? "null";
      return write(() => Number(logRow.run(run, null, atMs, type, null, text, null).lastInsertRowid));
    },
    redact: ({ rows, snapshot }) =>
      write(
        () => {
          for (const { id, data } of rows) redactRow.run(data, id);
          if (snapshot !== null) redactSnapshot.run(snapshot.snapshot, snapshot.run);
        },
        Math.min(rows.length + 1, GROUP_LIMIT),
      ),
    dropPatches: () => write(() => void dropPatches.run(), GROUP_LIMIT),
  };
}

function stepsOf(
  commits: ReturnType<typeof commitsOf>,
  { writeStep, hasThread }: Writer,
): Pick<RunStore, "create" | "commit"> {
  // What is not the run's own is refused here.
  const rowFor = (run: NewRun | null, request: CommitRequest) =>
    hasThread && namesOwnIntents(request) ? () => stepRow(run, request) : null;
  const onDisk = (request: CommitRequest) => (outcome: CommitOutcome) => {
    if (outcome === "ok") commits.committed(request);
  };
  return {
    create: (run, first) =>
      writeStep(() => commits.create(run, first), false, onDisk(first), rowFor(run, first)),
    commit: (request) =>
      writeStep(() => commits.commit(request), isOneRow(request), onDisk(request), rowFor(null, request)),
  };
}

/** A step that is a row of the log and no more. */
function isOneRow({ patch, messages, actors, removed, signals }: CommitRequest): boolean {
  const isAlone = messages === undefined && actors === undefined;
  return patch !== undefined && isAlone && removed === undefined && signals === undefined;
}

function stepRow(begun: NewRun | null, request: CommitRequest): StepRow {
  const { run, fence, sequence, atMs, event, eventType, value, patch, actor = null } = request;
  if (begun === null && patch !== undefined && isOneRow(request))
    return [run, fence, sequence, atMs, event, eventType, value, patch, actor];
  const { state, intents, messages, actors, removed, signals } = request;
  return [
    begun,
    {
      run,
      fence,
      sequence,
      atMs,
      event,
      eventType,
      value,
      state,
      intents,
      // Where there is a patch, nobody asks for the whole state, and it would be made for nothing.
      snapshot: patch === undefined ? request.snapshot : "",
      ...(patch !== undefined && { patch }),
      ...(actor !== null && { actor }),
      ...(messages && { messages }),
      ...(actors && { actors }),
      ...(removed && { removed }),
      ...(signals && { signals }),
    },
  ];
}

/** What the row was made of; of a step that is one row, what its sender checked is left out. */
export function stepOf(row: StepRow): { begun: NewRun | null; request: CommitRequest } {
  if (row.length === 2) return { begun: row[0], request: row[1] };
  const [run, fence, sequence, atMs, event, eventType, value, patch, actor] = row;
  const step = { run, fence, sequence, atMs, event, eventType, value, patch, state: "active" } as const;
  return { begun: null, request: { ...step, snapshot: "", intents: [], ...(actor !== null && { actor }) } };
}

/** What any process may leave for a run: its owner hears of it. */
function leavings(
  queries: RunQueries,
  deps: { statements: ReturnType<typeof writesOf>; writer: Writer; watching: Watch },
): Pick<RunStore, "signal" | "closeSignals" | "pause" | "requestCancel"> {
  const { leaveSignal, closeSignal, pause, requestCancel } = deps.statements;
  const { write } = deps.writer;
  const leave = async <T>(work: () => T): Promise<T> => {
    const result = await write(work);
    deps.watching.notify();
    return result;
  };
  return {
    signal: ({ run, key, event, nowMs }) =>
      leave(() => {
        const known = key === null ? null : queries.signalOf(run, key);
        if (known !== null) return known;
        const { changes, lastInsertRowid } = leaveSignal.run(run, key, event, nowMs, run);
        return changes === 0 ? null : queries.signal(Number(lastInsertRowid));
      }),
    closeSignals: ({ run, fence, ids }) =>
      write(() => {
        if (queries.run(run)?.fence !== fence) return false;
        for (const id of ids) closeSignal.run(id, run);
        return true;
      }),
    pause: ({ run, isPaused, nowMs }) => leave(() => pause.run(isPaused ? nowMs : null, run).changes === 1),
    requestCancel: (run, nowMs) => leave(() => requestCancel.run(nowMs, run).changes === 1),
  };
}

function reads(
  queries: RunQueries,
  read: Writer["read"],
): Pick<
  RunStore,
  | "read"
  | "list"
  | "unfinished"
  | "openIntents"
  | "actors"
  | "messages"
  | "readSignal"
  | "inbox"
  | "cancelRequests"
  | "log"
  | "tail"
  | "steps"
  | "tally"
> {
  return {
    read: (run) => read(() => queries.run(run)),
    list: (filter) => read(() => queries.runs(filter)),
    unfinished: (filter) => read(() => queries.unfinished(filter)),
    openIntents: (run) => read(() => queries.openIntents(run)),
    actors: (run) => read(() => queries.actors(run)),
    messages: (query) => read(() => queries.messages(query)),
    readSignal: (id) => read(() => queries.signal(id)),
    inbox: (owner) => read(() => queries.inbox(owner)),
    cancelRequests: (owner) => read(() => queries.toCancel(owner)),
    log: (query) => read(() => queries.log(query)),
    tail: (query) => read(() => queries.tail(query)),
    steps: (query) => read(() => queries.steps(query)),
    tally: (filter) => read(() => queries.tally(filter)),
  };
}

/**
 * A commit is the engine's hot path: mostly one guarded row of the log, with what the step changed of the run's state.
 * That is two pages, the row's and its index's; what a commit costs beyond the sync is their number. The whole state
 * goes into the run's own row where a step has no patch.
 */
function commitsOf(db: Database, queries: RunQueries, statements: ReturnType<typeof writesOf>) {
  const { insertRun, logNext, logStep, logRow, keepWhole, finish, dataVersion } = statements;
  const { putActor, removeActor, takeSignal } = statements;
  /**
   * The last step of runs as this connection committed it: the step after it need not look at the log, as long as no
   * other connection committed anything. One that is repeated must, since it may be there already.
   */
  const lastSteps = new Map<string, number>();
  let seenVersion: number | undefined;

  /** All but the event itself and the state of the run. */
  function record(request: CommitRequest): void {
    const { run, sequence, atMs } = request;
    for (const message of request.messages ?? []) {
      logRow.run(run, sequence, atMs, message.type, message.value, message.event, message.actor);
    }
    for (const key of request.removed ?? []) removeActor.run(run, key);
    for (const { key, snapshot, intents } of request.actors ?? []) {
      putActor.run(run, key, sequence, snapshot, JSON.stringify(intents));
    }
    for (const id of request.signals ?? []) takeSignal.run(sequence, id, run);
  }

  function create(run: NewRun, first: CommitRequest): CommitOutcome {
    const { id, space, machine, version, hash, owner, createdAtMs } = run;
    const { state, sequence, fence, snapshot, atMs } = first;
    demandOwn(db, first);
    const { changes } = insertRun.run(
      id,
      space,
      machine,
      version,
      hash,
      state,
      sequence,
      fence,
      owner,
      snapshot,
      createdAtMs,
      atMs,
      JSON.stringify(first.intents),
    );
    if (changes === 0) return judge(first);
    logRow.run(id, sequence, atMs, first.eventType, first.value, first.event, first.actor ?? null);
    record(first);
    return "ok";
  }

  function commit(request: CommitRequest): CommitOutcome {
    const { run, sequence, atMs, fence, eventType, value, event, actor = null, patch = null } = request;
    demandOwn(db, request);
    const version = dataVersion.get();
    if (version !== seenVersion) lastSteps.clear();
    seenVersion = version;
    const isNext = lastSteps.get(run) === sequence - 1;
    lastSteps.delete(run);
    const row = [sequence, atMs, eventType, value, event, actor, patch, run, fence] as const;
    const { changes, lastInsertRowid } = isNext ? logNext.run(...row) : logStep.run(...row, sequence - 1);
    if (changes === 0) return judge(request);
    if (patch === null) keepState(request, Number(lastInsertRowid));
    record(request);
    return "ok";
  }

  function keepState({ run, sequence, snapshot, state, atMs, intents }: CommitRequest, logged: number): void {
    const whole = [sequence, snapshot, atMs, JSON.stringify(intents), logged] as const;
    if (state === "active") keepWhole.run(...whole, run);
    else finish.run(...whole, state, run);
  }

  /** The run's row gets the state of now, before it is given another owner or version. */
  function settleState(run: string): void {
    const patched = queries.patched(run);
    if (patched === null) return;
    const { sequence, snapshot, updatedAtMs, intents, logged } = patched;
    keepWhole.run(sequence, snapshot, updatedAtMs, JSON.stringify(intents), logged, run);
  }

  /** It is on disk. */
  function committed({ run, sequence, state }: CommitRequest): void {
    if (state === "active") lastSteps.set(run, sequence);
  }

  /** What it was that stands where this was to go. */
  function judge(request: CommitRequest): CommitOutcome {
    const { run, sequence } = request;
    return judgeRepeated(queries.run(run), queries.loggedAt(run, sequence), request);
  }

  return { create, commit, committed, settleState };
}

function demandOwn(db: Database, request: CommitRequest): void {
  if (!namesOwnIntents(request)) throw storeError("store_rejected", db.name);
}
