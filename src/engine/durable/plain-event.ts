import type { EventObject } from "xstate";
import { causeOf, codeOf } from "../../domain/failure.ts";

/** An event as it is stored, and as the machine steps on it: the same, so that a replay sees exactly this. */
export interface PlainEvent {
  readonly event: EventObject;
  readonly text: string;
}

/** Errors keep message, code and cause; all else keeps what JSON keeps. */
export function plainEvent(heard: EventObject): PlainEvent {
  const text = JSON.stringify(heard, (_, value: unknown) =>
    value instanceof Error ? plainError(value) : value,
  );
  return { event: JSON.parse(text) as EventObject, text };
}

function plainError(error: Error): object {
  return {
    message: error.message,
    code: codeOf(error) ?? undefined,
    cause: causeOf(error.cause) || undefined,
  };
}
