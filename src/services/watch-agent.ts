import {
  catchError,
  concat,
  concatMap,
  defer,
  distinctUntilChanged,
  EMPTY,
  ignoreElements,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  Subject,
  switchMap,
  takeUntil,
  takeWhile,
  tap,
  withLatestFrom,
} from "rxjs";
import { fromEventObservable } from "xstate";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import {
  exceeded,
  type Finishing,
  finishing,
  growingFolders,
  watchGrowth,
  watchSilence,
} from "../agents/watchers.ts";
import type { AgentEvent, AgentHandle, AgentRunner } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import { causeOf } from "../domain/failure.ts";
import type { LeaseHolder, Phase2Event, RunPlaces, WatchInput } from "../domain/phase2.ts";
import { type AgentMeter, agentMeter, type RunLimits } from "../domain/usage.ts";
import type { Files } from "../files/folder.ts";
import { withoutSecrets } from "../text/redact.ts";
import { plainText } from "../text/sanitize.ts";

export interface WatchDeps {
  readonly holder: Pick<LeaseHolder, "recordEvent">;
  readonly places: RunPlaces;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly files: Files;
  readonly limits: RunLimits;
  /** Unix milliseconds at which the run's time is up; null or absent: never. */
  readonly deadlineAtMs?: number | null;
  /** What the gate found, as a task; called for repair turns only. */
  repairPrompt(input: WatchInput): Promise<string>;
}

/**
 * Tells the machine what becomes of the agent in one turn. After the turn's end it stays silent instead of
 * completing, so that its own end is never taken for a stream that broke off. An agent this process does not
 * hold died with its engine: what it left running is ended, then `agent.gone` is told.
 */
export function watchAgent(deps: WatchDeps) {
  // Longer than one turn: an agent is asked to finish once for each budget.
  const finishers = new Map<string, Finishing>();
  return fromEventObservable<Phase2Event, WatchInput>(({ input }) => {
    const handle = deps.registry.find(input.agent);
    if (handle === null) return gone(deps);
    const finisher = finishers.get(handle.id) ?? finishing(handle, deps);
    finishers.set(handle.id, finisher);
    return defer(() => follow({ deps, handle, finisher, input }));
  });
}

/** The machine lays the workspace anew on hearing it: nobody may be left who writes there. */
function gone({ runner, places, clock }: WatchDeps): Observable<Phase2Event> {
  const ended = defer(() => runner.endOrphan(places.runFolder, clock));
  return concat(ended.pipe(map((): Phase2Event => ({ type: "agent.gone" }))), NEVER);
}

interface Turn {
  readonly deps: WatchDeps;
  readonly handle: AgentHandle;
  readonly finisher: Finishing;
  readonly input: WatchInput;
}

/**
 * What one turn comes to: `agent.running` at most once, then one last event, after which nothing follows. Completes
 * only when the agent's stream ended without that.
 */
function follow(turn: Turn): Observable<Phase2Event> {
  const { deps, handle, finisher, input } = turn;
  const { clock, limits, registry } = deps;
  const counted = registry.meterOf(handle.id);
  const meter = counted ?? agentMeter();
  const asked$ = new Subject<void>();
  const ended$ = new Subject<void>();
  let lastEventMs = clock.monotonicMs();
  // The replay of the turns before a repair is held to the limits, too, but is no news.
  const isNews$ = input.repair === 0 ? of(true) : concat(of(false), asked$.pipe(map(() => true)));

  const agent$ = handle.events$.pipe(
    tap((event) => {
      lastEventMs = clock.monotonicMs();
      if (counted === null) meter.count(event);
    }),
    withLatestFrom(isNews$),
    concatMap(([event, isNews]) => {
      const past = exceeded(meter.used(), limits);
      if (past !== null) return of(budgetReached(past));
      finisher.look(meter);
      const news = isNews ? newsOf(event) : null;
      return news === null ? EMPTY : of(news);
    }),
  );
  const repair$ = input.repair === 0 ? EMPTY : askForRepair(turn, meter, () => asked$.next());
  const turn$ = merge(agent$, repair$).pipe(tap({ complete: () => ended$.next() }));
  const alarms$ = merge(
    alarmsOf(turn, () => lastEventMs),
    finisher.timeIsNear$.pipe(
      tap(() => finisher.look(meter)),
      ignoreElements(),
    ),
  ).pipe(takeUntil(ended$));
  return merge(alarms$, turn$).pipe(
    distinctUntilChanged((before, { type }) => before.type === type),
    takeWhile(isRunning, true),
    switchMap((event) => (isRunning(event) ? of(event) : concat(of(event), NEVER))),
  );
}

function isRunning({ type }: Phase2Event): boolean {
  return type === "agent.running";
}

function budgetReached(why: string): Phase2Event {
  return { type: "budget.reached", why };
}

/** Silence and growth: what the agent does not report itself. */
function alarmsOf({ deps, handle }: Turn, lastEventMs: () => number): Observable<Phase2Event> {
  const { clock, files, limits, places, registry } = deps;
  const minutes = limits.maxSilenceMinutes;
  const start = registry.startOf(handle.id);
  const folders = growingFolders(places, { start, maxBytes: limits.maxOutputBytes });
  const silence = `the agent said nothing for ${plural(minutes ?? 0, "minute")}, no more is allowed (maxSilenceMinutes)`;
  return merge(
    watchSilence(clock, minutes, lastEventMs, handle.lastActivityMs).pipe(map(() => budgetReached(silence))),
    watchGrowth({ clock, files, folders }).pipe(map(budgetReached)),
  );
}

/** Gives the agent the next task, with what it could not be told in its last turn. Emits only if that fails. */
function askForRepair(
  { deps, handle, finisher, input }: Turn,
  meter: AgentMeter,
  asked: () => void,
): Observable<Phase2Event> {
  return defer(() => deps.repairPrompt(input)).pipe(
    concatMap((task) => {
      asked();
      const request = finisher.unsaid();
      const text = request === null ? task : `${task}\n\n${request}`;
      meter.asked(text);
      return handle.prompt(text);
    }),
    ignoreElements(),
    catchError((error: unknown) =>
      of<Phase2Event>({
        type: "agent.errored",
        why: `the repair could not be asked for: ${causeOf(error)}`,
      }),
    ),
  );
}

function newsOf(event: AgentEvent): Phase2Event | null {
  switch (event.type) {
    case "agent.running":
    case "agent.interrupted":
    case "agent.shutdown":
    case "agent.notFound":
      return { type: event.type };
    case "agent.completed":
      return { type: "agent.completed" };
    case "agent.errored":
      return { type: "agent.errored", why: plainText(withoutSecrets(event.message.slice(0, 4_000)), 500) };
    case "agent.starting":
    case "agent.message":
    case "agent.thought":
    case "agent.tool":
    case "agent.usage":
      return null;
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
