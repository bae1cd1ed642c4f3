import type { Observable } from "rxjs";
import type { AgentEvent, AgentUsage } from "../../domain/agent.ts";
import type { RunHold } from "../../domain/phase2.ts";
import { isFinal } from "./agent-stream.ts";
import { plainText } from "./plain-text.ts";

/** Bounds of what is kept of one agent's talk. */
const TEXT_LENGTH = 2_000;
const MOST_NOTES = 1_000;
const MOST_TEXT = 256 * 1024;

/**
 * Keeps what an agent says as observations in the run's log: bounded, without control characters. Statuses
 * are not noted here: the watching actor tells them to the machine. Past the bounds only the closing message
 * and the last usage are still kept, after one note that says so. Throws when the stream can't be followed.
 */
export function noteAgent(events$: Observable<AgentEvent>, hold: Pick<RunHold, "note">): void {
  let notes = 0;
  let length = 0;
  let full = false;
  let unsaid: AgentUsage | null = null;
  let subscribing = true;
  let failure: unknown = null;

  function say(type: string, data: object, size: number): void {
    notes += 1;
    length += size;
    hold.note(type, data);
    full = notes >= MOST_NOTES || length >= MOST_TEXT;
    if (full) hold.note("agent.message", { text: "(the agent says more; the rest is not kept)" });
  }

  function hear(event: AgentEvent): void {
    if (event.type === "agent.usage") {
      if (full) unsaid = event.usage;
      else say(event.type, { usage: event.usage }, 0);
    } else if (event.type === "agent.tool") {
      const name = plainText(event.name, 100);
      const text = plainText(event.text, TEXT_LENGTH);
      if (!full) say(event.type, { name, text }, text.length);
    } else if (event.type === "agent.message" || event.type === "agent.thought") {
      const text = plainText(event.text, TEXT_LENGTH);
      if (!full) say(event.type, { text }, text.length);
    } else if (isFinal(event)) {
      if (unsaid !== null) hold.note("agent.usage", { usage: unsaid });
      unsaid = null;
      const message = event.type === "agent.completed" ? event.message : null;
      if (message !== null) hold.note("agent.message", { text: plainText(message, TEXT_LENGTH) });
    }
  }

  events$.subscribe({
    next(event) {
      try {
        hear(event);
      } catch {
        // A note decides nothing: that it can't be kept must not end the agent, nor this process.
      }
    },
    // Later ones are told to the machine by the watching actor, which follows the same stream.
    error(error: unknown) {
      if (subscribing) failure = error ?? new Error("the stream failed");
    },
  });
  subscribing = false;
  if (failure !== null) throw failure;
}
