import type { Observable } from "rxjs";
import { type AnyMachineSnapshot, type AnyStateMachine, type EventObject, matchesState } from "xstate";
import { type Clock, pause } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { LogRow, RunRecord, RunStore, Signal } from "../domain/run.ts";
import type { Committed, DurableRun, Receipt, RunQuery, StoredSnapshot } from "./options.ts";
import type { PersistedMachine } from "./persisted-machine.ts";
import { dotted, transitionsOf } from "./transition.ts";

interface StoredWorld {
  readonly runs: RunStore;
  readonly clock: Clock;
  /** The ids of the engine's machines. */
  readonly names: readonly string[];
  readonly committed$: Observable<Committed>;
  parse(text: string): unknown;
  machineOf(record: RunRecord): AnyStateMachine | null;
  isLive(run: string): boolean;
}

const PAGE = 500;
/** Between two looks at a run of another process. Milliseconds; each wait is twice the one before. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;

/** What can be told of runs from the store alone, in whatever process they live. */
export function storedRuns(world: StoredWorld) {
  const snapshot = async (run: string): Promise<StoredSnapshot | null> => {
    const record = await world.runs.read(run);
    return record === null ? null : snapshotOf(world, record);
  };
  const restore = (machine: AnyStateMachine, text: string) => restored(world, machine, text);
  return {
    snapshot,
    restore,
    list: (query: RunQuery = {}) => listRuns(world, query),
    history: (run: string) => historyOf(world, run),
    waitFor: (
      run: string,
      test: (seen: StoredSnapshot) => boolean,
      { timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number } = {},
    ) => waitFor(world, { run, test, timeoutMs, look: () => snapshot(run) }),
    receiptOf: (signal: Signal, timeoutMs: number) => receiptOf(world, signal, timeoutMs),
    /** Every unfinished run of the engine's machines. */
    async unfinished(): Promise<readonly RunRecord[]> {
      const found: RunRecord[] = [];
      for await (const record of pagesOf(world, { state: "active" })) found.push(record);
      return found;
    },
    /** A run that another process has, or that is over. */
    handle: (record: RunRecord, send: (event: EventObject) => Promise<Receipt>) =>
      handleOf(world, record, send),
  };
}

async function snapshotOf(world: StoredWorld, record: RunRecord): Promise<StoredSnapshot> {
  const { value, context, output, error } = world.parse(record.snapshot) as PersistedMachine;
  const rows = await world.runs.actors(record.id);
  const actors = rows.map(({ key, snapshot: text }) => {
    const { state } = world.parse(text) as { state: PersistedMachine };
    return [key, { value: state.value, context: state.context }] as const;
  });
  const tags = tagsOf(world.machineOf(record), value);
  const { id, state, sequence } = record;
  return {
    ...{ id, state, sequence, value, context, output, error, tags },
    matches: (other) => matchesState(other as never, value as never),
    hasTag: (tag) => tags.includes(tag),
    actors: Object.fromEntries(actors),
  };
}

function restored({ parse }: StoredWorld, machine: AnyStateMachine, text: string): AnyMachineSnapshot {
  return transitionsOf(machine).restore(JSON.stringify(parse(text)));
}

async function listRuns(world: StoredWorld, query: RunQuery): Promise<readonly StoredSnapshot[]> {
  const { state, space, value, tag, after, limit = 100 } = query;
  const found: StoredSnapshot[] = [];
  const filter = { ...(state && { state }), ...(space !== undefined && { space }) };
  for await (const record of pagesOf(world, { ...filter, ...(after !== undefined && { before: after }) })) {
    if (found.length >= limit) break;
    const one = await snapshotOf(world, record);
    if (value !== undefined && !isAt(one.value, value)) continue;
    if (tag === undefined || one.hasTag(tag)) found.push(one);
  }
  return found;
}

async function historyOf({ runs }: StoredWorld, run: string): Promise<readonly LogRow[]> {
  const rows: LogRow[] = [];
  for (let after = 0; ; ) {
    const page = await runs.log({ run, after, limit: PAGE });
    rows.push(...page.filter(({ sequence }) => sequence !== null));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return rows;
    after = last.id;
  }
}

async function waitFor(
  world: StoredWorld,
  {
    run,
    test,
    timeoutMs,
    look,
  }: {
    run: string;
    test: (seen: StoredSnapshot) => boolean;
    timeoutMs: number;
    look: () => Promise<StoredSnapshot | null>;
  },
): Promise<StoredSnapshot> {
  const untilMs = world.clock.monotonicMs() + timeoutMs;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
    const seen = await look();
    if (seen === null) throw new SlowwaveError("run_unknown", `There is no run "${run}".`);
    if (test(seen)) return seen;
    if (seen.state !== "active") {
      throw new SlowwaveError("run_over", `Run ${run} is over without coming to what was waited for.`);
    }
    const leftMs = untilMs - world.clock.monotonicMs();
    if (leftMs <= 0) {
      const message = `Run ${run} did not come to what was waited for within ${timeoutMs} ms.`;
      throw new SlowwaveError("wait_timeout", message);
    }
    await nextLook(world, run, Math.min(waitMs, leftMs));
  }
}

/** What became of a signal, as far as it is known within this time. */
async function receiptOf({ runs, clock }: StoredWorld, { id }: Signal, timeoutMs: number): Promise<Receipt> {
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
    const signal = await runs.readSignal(id);
    if (signal?.state === "handled") return { outcome: "handled", sequence: signal.sequence ?? 0 };
    if (signal?.state === "unhandled") return { outcome: "unhandled" };
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return { outcome: "stored" };
    await nextChange(runs, clock, Math.min(waitMs, leftMs));
  }
}

/** Until somebody else wrote to the store, or the time is up. */
async function nextChange(runs: RunStore, clock: Clock, waitMs: number): Promise<void> {
  const woken = new AbortController();
  runs.watch(() => woken.abort(), woken.signal).catch(() => {});
  await pause(clock, waitMs, woken.signal).catch(() => {});
  woken.abort();
}

function handleOf(
  world: StoredWorld,
  record: RunRecord,
  send: (event: EventObject) => Promise<Receipt>,
): DurableRun {
  const { runs, clock } = world;
  const machine = world.machineOf(record) as AnyStateMachine;
  let last = restored(world, machine, record.snapshot);
  let done: Promise<AnyMachineSnapshot> | null = null;
  const watch = async (): Promise<AnyMachineSnapshot> => {
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
      const now = await runs.read(record.id);
      if (now !== null) last = restored(world, machine, now.snapshot);
      if (now === null || now.state !== "active") return last;
      await nextChange(runs, clock, waitMs);
    }
  };
  const { id, space } = record;
  return {
    id,
    space,
    adopted: false,
    get done() {
      done ??= watch();
      return done;
    },
    snapshot: () => last,
    send: (event) => send(event),
  };
}

async function* pagesOf(
  { runs, names: machines }: StoredWorld,
  filter: { state?: RunRecord["state"]; space?: string; before?: string },
): AsyncGenerator<RunRecord> {
  for (let before = filter.before; ; ) {
    const cursor = before === undefined ? {} : { before };
    const page = await runs.list({ ...filter, ...cursor, machines, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    before = last.id;
  }
}

/** The next commit of a run that is live here, or the next look at one that is not. */
async function nextLook(world: StoredWorld, run: string, waitMs: number): Promise<void> {
  const { runs, clock, committed$, isLive } = world;
  if (!isLive(run)) return nextChange(runs, clock, waitMs);
  const woken = new AbortController();
  const commits = committed$.subscribe((step) => step.run === run && woken.abort());
  await pause(clock, waitMs, woken.signal).catch(() => {});
  commits.unsubscribe();
}

function tagsOf(machine: AnyStateMachine | null, value: unknown): readonly string[] {
  try {
    return machine === null ? [] : [...machine.resolveState({ value, context: {} } as never).tags];
  } catch {
    return [];
  }
}

/** In this state, or within it. */
function isAt(value: unknown, wanted: string): boolean {
  const parts = dotted(value).split("+");
  return (
    parts.some((part) => part === wanted || part.startsWith(`${wanted}.`)) ||
    matchesState(wanted, value as never)
  );
}
