import { concat, defer, map, NEVER, Observable, type Subscriber, Subscription } from "rxjs";
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
import { agentMeter, type RunLimits } from "../domain/usage.ts";
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
    return new Observable((subscriber) => follow(deps, finisher, handle, input, subscriber));
  });
}

/** The machine lays the workspace anew on hearing it: nobody may be left who writes there. */
function gone({ runner, places, clock }: WatchDeps): Observable<Phase2Event> {
  const ended = defer(() => runner.endOrphan(places.runFolder, clock));
  return concat(ended.pipe(map((): Phase2Event => ({ type: "agent.gone" }))), NEVER);
}

function follow(
  deps: WatchDeps,
  finisher: Finishing,
  handle: AgentHandle,
  input: WatchInput,
  to: Subscriber<Phase2Event>,
) {
  const { clock, limits, registry } = deps;
  const counted = registry.meterOf(handle.id);
  const meter = counted ?? agentMeter();
  // A repair turn is not told by the replay of the turns before it.
  let listening = input.repair === 0;
  let running = false;
  let over = false;
  let ended = false;
  let lastEventMs = clock.monotonicMs();
  const minutes = limits.maxSilenceMinutes;
  const folders = growingFolders(deps.places, {
    start: registry.startOf(handle.id),
    maxBytes: limits.maxOutputBytes,
  });
  const alarms = new Subscription();
  alarms.add(
    watchSilence(clock, minutes, () => lastEventMs, handle.lastActivityMs).subscribe(() =>
      emit({
        type: "budget.reached",
        why: `the agent said nothing for ${plural(minutes ?? 0, "minute")}, no more is allowed (maxSilenceMinutes)`,
      }),
    ),
  );
  alarms.add(finisher.timeIsNear$.subscribe(() => finisher.look(meter)));
  alarms.add(
    watchGrowth({ clock, files: deps.files, folders }).subscribe((why) =>
      emit({ type: "budget.reached", why }),
    ),
  );

  function emit(event: Phase2Event): void {
    if (over) return;
    if (event.type === "agent.running") {
      if (running) return;
      running = true;
    } else {
      over = true;
      alarms.unsubscribe();
    }
    to.next(event);
  }

  function finish(): void {
    alarms.unsubscribe();
    if (!over) to.complete();
  }

  const events = handle.events$.subscribe({
    next(event) {
      lastEventMs = clock.monotonicMs();
      if (counted === null) meter.count(event);
      const past = over ? null : exceeded(meter.used(), limits);
      if (past !== null) return emit({ type: "budget.reached", why: past });
      if (!over) finisher.look(meter);
      const news = listening ? newsOf(event) : null;
      if (news !== null) emit(news);
    },
    error: (error: unknown) => to.error(error),
    complete() {
      ended = true;
      if (listening) finish();
    },
  });

  async function askForRepair(): Promise<void> {
    const task = await deps.repairPrompt(input);
    if (to.closed) return;
    listening = true;
    const request = finisher.unsaid();
    const text = request === null ? task : `${task}\n\n${request}`;
    meter.asked(text);
    await handle.prompt(text);
    if (ended) finish();
  }
  if (!listening) {
    askForRepair().catch((error: unknown) =>
      emit({ type: "agent.errored", why: `the repair could not be asked for: ${causeOf(error)}` }),
    );
  }
  return () => {
    alarms.unsubscribe();
    events.unsubscribe();
  };
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
