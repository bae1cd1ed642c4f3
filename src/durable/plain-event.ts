import type { EventObject } from "xstate";
import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";

/** An event as it is stored, and as the machine steps on it: the same, so that a replay sees exactly this. */
export interface PlainEvent {
  readonly event: EventObject;
  readonly text: string;
}

/** Errors keep message, code and cause; all else keeps what JSON keeps. Throws `not_json` where it can keep nothing. */
export function plainEvent(heard: EventObject): PlainEvent {
  let text: string;
  try {
    text = isFlat(heard) ? JSON.stringify(heard) : JSON.stringify(heard, plainly);
  } catch (cause) {
    const message = `The event "${heard.type}" cannot be recorded: it must be plain JSON, without cycles and big integers.`;
    throw new SlowwaveError("not_json", message, { cause });
  }
  return { event: JSON.parse(text) as EventObject, text };
}

const plainly = (_: string, value: unknown) => (value instanceof Error ? plainError(value) : value);

/** Holds no object, and so no error: most words of actors, told without looking at each of their parts. */
function isFlat(event: EventObject): boolean {
  for (const key in event) if (typeof event[key as keyof EventObject] === "object") return false;
  return true;
}

function plainError(error: Error): object {
  return {
    message: error.message,
    code: codeOf(error) ?? undefined,
    cause: causeOf(error.cause) || undefined,
  };
}
