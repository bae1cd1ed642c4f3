import { metrics } from "@opentelemetry/api";
import { createStore } from "@xstate/store";
import { Map as PersistentMap } from "immutable";
import { type Observable, Subject } from "rxjs";
import type { Clock } from "../domain/clock.ts";
import type { ObservationMap, RunEvent, RunEventMap, RunResult } from "../domain/event.ts";
import type { Lease } from "../domain/job.ts";
import type { LearnResult } from "../domain/phase1.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { RunStore } from "../domain/run.ts";
import { progressOf, RUNNING_TEXT } from "../domain/status.ts";
import type { Committed } from "../durable/options.ts";
import { dotted } from "../durable/transition.ts";
import type { Phase2Context } from "../machines/context.ts";

type EventBody = {
  [Type in keyof RunEventMap]: { readonly type: Type } & RunEventMap[Type];
}[keyof RunEventMap];

/**
 * What a commit means to observers: states, the original's progress texts, and what the metrics count. A pure
 * table over (state before, state after), so nothing has to be called from the machine's actions, and a
 * status is only ever told after the write it describes.
 */
export function announcements(step: Committed): readonly RunEvent[] {
  const { run, space, atMs, sequence, value, event } = step;
  const before = step.before === null ? null : (step.before.context as Phase2Context);
  const context = step.snapshot.context as Phase2Context;
  const was = step.before === null ? null : stateOf(step.before.value);
  const is = stateOf(step.snapshot.value);
  const bodies: EventBody[] = [];
  // A restarted agent enters the same state again, but so does every self-loop: only real changes are told.
  if (step.before === null || dotted(step.before.value) !== value) {
    bodies.push({ type: "state.entered", state: value, sequence, event: event.type });
  }
  if (context.claimedWatermark !== null && before?.claimedWatermark === null) {
    bodies.push({ type: "status.counted", status: "claimed" });
  }
  if (was === "spawning" && is === "supervising") {
    bodies.push({ type: "status.counted", status: "agent_spawned" });
    if ((context.inputs ?? 0) > 0) bodies.push({ type: "inputs.counted", inputs: context.inputs ?? 0 });
    bodies.push({ type: "progress", text: RUNNING_TEXT });
  }
  if (step.state !== "active" && context.status !== null) {
    bodies.push({ type: "status.counted", status: context.status });
    bodies.push({ type: "progress", text: progressOf(context.status) });
  }
  return bodies.map((what) => ({ ...what, run, space, atMs }) as RunEvent);
}

function stateOf(value: unknown): string {
  return typeof value === "string" ? value : (Object.keys(value as object)[0] ?? "");
}

/** All who watch the runs of this process: the registry, the metrics, the host's subscribers. None can harm a run. */
export interface Observers {
  readonly runs: RunRegistry;
  readonly events$: Observable<RunEvent>;
  emit(event: RunEvent): void;
  /** A run that could not be begun after all. */
  forget(run: string): void;
  complete(): void;
}

export function createObservers(): Observers {
  const runs = createRunRegistry();
  const events$ = new Subject<RunEvent>();
  const measure = createMeter();
  return {
    runs,
    events$: events$.asObservable(),
    emit(event) {
      unharmed(() => runs.trigger.received({ event }));
      measure(event);
      events$.next(event);
    },
    forget: (run) => unharmed(() => runs.trigger.forgotten({ run })),
    complete: () => events$.complete(),
  };
}

/** What a subscriber of the store throws is the host's to see, as it is with an observable; the run goes on. */
function unharmed(observe: () => void): void {
  try {
    observe();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export interface LiveRun {
  readonly id: string;
  readonly space: string;
  readonly adopted: boolean;
  /** Dotted. */
  readonly state: string;
  readonly enteredAtMs: number;
  readonly lastBeatAtMs: number | null;
  /** Last progress text or agent message. */
  readonly text: string | null;
  readonly result: RunResult | null;
}

export interface LiveRuns {
  /** By id. A map of `immutable`: one change among ten thousand runs copies a handful of entries, not all. */
  readonly runs: PersistentMap<string, LiveRun>;
  /** Ids of those that have a result, oldest first. */
  readonly finished: readonly string[];
}

const KEPT_FINISHED = 100;

/** The runs of this process, folded from their events; select and subscribe as with any `@xstate/store` store. */
function createRunRegistry() {
  return createStore({
    context: { runs: PersistentMap<string, LiveRun>(), finished: [] } as LiveRuns,
    on: {
      received: (context, { event }: { event: RunEvent }) => {
        const changed = change(event);
        if (changed === null) return context;
        const runs = context.runs.update(event.run, unknownRun(event), (run) => ({ ...run, ...changed }));
        return event.type === "run.finished"
          ? bounded(runs, context.finished, event.run)
          : { ...context, runs };
      },
      /** It could not be begun after all. */
      forgotten: (context, { run }: { run: string }) => ({ ...context, runs: context.runs.delete(run) }),
    },
  });
}

export type RunRegistry = ReturnType<typeof createRunRegistry>;

function unknownRun({ run, space, atMs }: RunEvent): LiveRun {
  return {
    id: run,
    space,
    adopted: false,
    state: "",
    enteredAtMs: atMs,
    lastBeatAtMs: null,
    text: null,
    result: null,
  };
}

/** Null when the registry doesn't tell of it. */
function change(event: RunEvent): Partial<LiveRun> | null {
  switch (event.type) {
    case "run.started":
      return { adopted: event.adopted, state: event.state };
    case "state.entered":
      return { state: event.state, enteredAtMs: event.atMs };
    case "progress":
    case "agent.message":
      return { text: event.text };
    case "lease.renewed":
      return { lastBeatAtMs: event.atMs };
    case "run.finished":
      return { result: event.result };
    default:
      return null;
  }
}

/** Finished runs are forgotten oldest first; a host with thousands of spaces would keep them for ever. */
function bounded(runs: LiveRuns["runs"], finished: readonly string[], run: string): LiveRuns {
  const all = finished.includes(run) ? finished : [...finished, run];
  const gone = all.slice(0, Math.max(0, all.length - KEPT_FINISHED));
  return { runs: runs.deleteAll(gone), finished: all.slice(gone.length) };
}

/**
 * The original's metrics (section 7), fed from run events. Without an OpenTelemetry SDK in the host they go
 * nowhere. Of the five kinds of tokens those are counted that the agent reports.
 * Telemetry that is broken (an exporter that throws, a provider that fails) counts nothing and harms no run.
 */
function createMeter(): (event: RunEvent) => void {
  let measure: ((event: RunEvent) => void) | null = null;
  return (event) => {
    try {
      measure ??= instruments();
      measure(event);
    } catch {
      // A run does not fail for what watches it.
    }
  };
}

function instruments(): (event: RunEvent) => void {
  const meter = metrics.getMeter("slowwave");
  const status = meter.createCounter("codex.memory.phase2", { description: "Phase-2 runs by status" });
  const inputs = meter.createCounter("codex.memory.phase2.input", {
    description: "Stage-1 outputs consolidated",
  });
  const duration = meter.createHistogram("codex.memory.phase2.e2e_ms", { unit: "ms" });
  const tokens = meter.createHistogram("codex.memory.phase2.token_usage", { unit: "{token}" });
  return (event) => {
    switch (event.type) {
      case "status.counted":
        status.add(1, { status: event.status });
        break;
      case "inputs.counted":
        inputs.add(event.inputs);
        break;
      case "run.finished": {
        const { startedAt, finishedAt, agent } = event.result;
        duration.record(Date.parse(finishedAt) - Date.parse(startedAt));
        // Only of a completed agent, as in the original.
        if (agent?.status !== "completed") break;
        const { input, output, cachedInput, reasoningOutput } = agent.tokens;
        if (input !== null) tokens.record(input, { token_type: "input" });
        if (output !== null) tokens.record(output, { token_type: "output" });
        if (cachedInput !== undefined) tokens.record(cachedInput, { token_type: "cached_input" });
        if (reasoningOutput !== undefined) tokens.record(reasoningOutput, { token_type: "reasoning_output" });
        if (input !== null || output !== null) {
          tokens.record((input ?? 0) + (output ?? 0), { token_type: "total" });
        }
        break;
      }
      default:
        break;
    }
  };
}

/** Counts how sessions were learned, by the original's names. Never throws. */
export type LearnMeter = (result: LearnResult) => void;

export function learnMeter(): LearnMeter {
  return ({ status, startedAt, finishedAt }) => {
    try {
      const meter = metrics.getMeter("slowwave");
      meter
        .createCounter("codex.memory.phase1", { description: "Phase-1 runs by status" })
        .add(1, { status });
      const duration = meter.createHistogram("codex.memory.phase1.e2e_ms", { unit: "ms" });
      duration.record(Date.parse(finishedAt) - Date.parse(startedAt));
    } catch {
      // A run does not fail for what watches it.
    }
  };
}

/**
 * Binds one run to this process: the fence lives here and nowhere else, and what actors observe goes to the
 * log first and to the listeners after it. Observations that cannot be kept are still told; they decide nothing.
 */
export function createLeaseHolder(
  run: { readonly id: string; readonly space: string },
  deps: {
    readonly runs: Pick<RunStore, "note">;
    readonly clock: Clock;
    readonly emit: (event: RunEvent) => void;
  },
): LeaseHolder {
  let current: Lease | null = null;
  return {
    run: run.id,
    space: run.space,
    lease: () => current,
    setLease: (lease) => {
      current = lease;
    },
    recordEvent: (type, data) => {
      const atMs = deps.clock.nowMs();
      const publish = () => {
        const event = eventOf(type, data);
        if (event !== null) deps.emit({ ...event, run: run.id, space: run.space, atMs } as RunEvent);
      };
      deps.runs.note(run.id, { atMs, type, data }).then(publish, publish);
    },
  };
}

/** What is in the log for a later process alone. */
const UNHEARD: ReadonlySet<keyof ObservationMap> = new Set(["budget.used", "lease.unrenewed"]);

function eventOf<Type extends keyof ObservationMap>(type: Type, data: ObservationMap[Type]): object | null {
  if (UNHEARD.has(type)) return null;
  return type === "gate.finding" ? { type, finding: data } : { ...data, type };
}
