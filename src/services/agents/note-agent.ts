import type { Observable } from "rxjs";
import type { AgentEvent } from "../../domain/agent.ts";
import type { RunHold } from "../../domain/phase2.ts";
import { plainText } from "./plain-text.ts";

/** Bounds of what is kept of one agent's talk. */
const TEXT_LENGTH = 2_000;
const MOST_NOTES = 1_000;
const MOST_TEXT = 256 * 1024;

/**
 * Keeps what an agent says as observations in the run's log: bounded, without control characters. Statuses
 * are not noted here: the watching actor tells them to the machine. Past the bounds usage and the closing
 * message are still kept, with one note that says so.
 */
export function noteAgent(events$: Observable<AgentEvent>, hold: Pick<RunHold, "note">): void {
  let notes = 0;
  let length = 0;
  let full = false;

  function say(type: string, data: Readonly<Record<string, string>>): void {
    if (full) return;
    notes += 1;
    for (const text of Object.values(data)) length += text.length;
    full = notes >= MOST_NOTES || length >= MOST_TEXT;
    hold.note(type, data);
    if (full) hold.note("agent.message", { text: "(the agent says more; the rest is not kept)" });
  }

  events$.subscribe({
    next(event) {
      switch (event.type) {
        case "agent.message":
        case "agent.thought":
          return say(event.type, { text: plainText(event.text, TEXT_LENGTH) });
        case "agent.tool":
          return say(event.type, {
            name: plainText(event.name, 100),
            text: plainText(event.text, TEXT_LENGTH),
          });
        case "agent.usage":
          return hold.note(event.type, { usage: event.usage });
        case "agent.completed":
          if (event.message !== null)
            hold.note("agent.message", { text: plainText(event.message, TEXT_LENGTH) });
      }
    },
    // Told to the machine by the watching actor, which follows the same stream.
    error: () => {},
  });
}
