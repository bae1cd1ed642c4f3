import type { Observable } from "rxjs";
import type { AgentEvent, AgentUsage } from "../domain/agent.ts";
import type { RunHold } from "../domain/phase2.ts";
import type { Clock } from "../domain/ports.ts";
import { withoutSecrets } from "../text/redact.ts";
import type { AgentMeter } from "./agent-meter.ts";
import { isFinal } from "./agent-stream.ts";
import { MOST_NOTES, type Room, transcript } from "./transcript.ts";

export interface NoteDeps {
  readonly hold: Pick<RunHold, "note">;
  readonly clock: Clock;
  /** Fed here, before anybody else hears the event. */
  readonly meter: AgentMeter;
  readonly room?: Room;
}

/** What was used is written down this often while it changes, so that a crash loses little of it. */
const NOTE_USED_MS = 10_000;

/**
 * Keeps what an agent says as observations in the run's log: bounded, without secrets and control characters
 * (`transcript.ts`), and what it has used. Statuses are not noted here: the watching actor tells them to the
 * machine. Throws when the stream can't be followed.
 */
export function noteAgent(events$: Observable<AgentEvent>, deps: NoteDeps): void {
  const { hold, clock, meter, room = { notes: 0, length: 0 } } = deps;
  const talk = transcript({ clock, room, note: (type, data) => hold.note(type, data) });
  let unsaid: AgentUsage | null = null;
  let noted = JSON.stringify(meter.used());
  let notedAtMs = clock.monotonicMs();
  let subscribing = true;
  let failure: unknown = null;

  function hear(event: AgentEvent): void {
    if (event.type === "agent.usage") {
      if (room.notes >= MOST_NOTES) unsaid = event.usage;
      else noteUsage(event.usage);
    } else if (event.type === "agent.tool") {
      talk.say({ type: event.type, name: withoutSecrets(event.name.slice(0, 400)), text: event.text });
    } else if (event.type === "agent.message" || event.type === "agent.thought") {
      talk.say(event);
    } else if (isFinal(event)) {
      if (unsaid !== null) noteUsage(unsaid);
      unsaid = null;
      talk.close(event.type === "agent.completed" ? event.message : null);
    }
    if (isFinal(event) || clock.monotonicMs() - notedAtMs >= NOTE_USED_MS) noteUsed();
  }

  function noteUsage(usage: AgentUsage): void {
    room.notes += 1;
    hold.note("agent.usage", { usage });
  }

  function noteUsed(): void {
    notedAtMs = clock.monotonicMs();
    const used = meter.used();
    const text = JSON.stringify(used);
    if (text !== noted) hold.note("budget.used", { used });
    noted = text;
  }

  /** A note decides nothing: that it can't be kept must not end the agent, nor this process. */
  function quietly(work: () => void): void {
    try {
      work();
    } catch {}
  }

  events$.subscribe({
    next(event) {
      meter.hear(event);
      quietly(() => hear(event));
    },
    // Later ones are told to the machine by the watching actor, which follows the same stream.
    error(error: unknown) {
      if (subscribing) failure = error ?? new Error("the stream failed");
      else quietly(end);
    },
    complete: () => quietly(end),
  });
  subscribing = false;
  if (failure !== null) throw failure;

  function end(): void {
    talk.close(null);
    noteUsed();
  }
}
