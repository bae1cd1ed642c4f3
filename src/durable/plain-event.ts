import type { EventObject } from "xstate";
import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";

/** An event as it is stored, and as the machine steps on it: the same, so that a replay sees exactly this. */
export interface PlainEvent {
  readonly event: EventObject;
  readonly text: string;
}

/**
 * How values become text in the store. Without one they are JSON, and what JSON would change is refused with
 * `not_json`. With one (such as `devalue`) contexts, events and inputs may hold whatever it can keep.
 */
export interface Codec {
  stringify(value: unknown): string;
  parse(text: string): unknown;
}

/** The codec of an engine: checks what it is given, where it is JSON, and keeps errors as plain data. */
export interface Values {
  plainEvent(event: EventObject): PlainEvent;
  /** Text of any value; `what` begins the sentence of the refusal. */
  textOf(value: unknown, what: string): string;
  parse(text: string): unknown;
  /** Texts are JSON, so that parts of them can be put together. */
  readonly isJson: boolean;
}

export function valuesOf(codec: Codec | undefined): Values {
  if (codec === undefined)
    return { plainEvent, textOf: jsonOf, parse: (text) => JSON.parse(text) as unknown, isJson: true };
  const textOf = (value: unknown, what: string): string => {
    try {
      return codec.stringify(withPlainErrors(value));
    } catch (cause) {
      throw new SlowwaveError("not_json", `${what} cannot be recorded by the codec.`, { cause });
    }
  };
  return {
    textOf,
    parse: (text) => codec.parse(text),
    isJson: false,
    plainEvent: (event) => {
      const text = textOf(event, `The event "${event.type}"`);
      return { event: codec.parse(text) as EventObject, text };
    },
  };
}

/** Errors keep message, code and cause; all else must be what JSON keeps. Throws `not_json` with the path of what is not. */
export function plainEvent(event: EventObject): PlainEvent {
  // A copy, since whoever sent it may change it.
  if (isFlat(event)) return { event: { ...event }, text: JSON.stringify(event) };
  const text = jsonOf(event, `The event "${event.type}"`);
  return { event: JSON.parse(text) as EventObject, text };
}

/**
 * The value as JSON text. Throws `not_json` with the path of the first thing that JSON would change in silence: dates,
 * maps, sets, big integers, numbers that are none, instances of classes. Functions and what is undefined are left out.
 */
function jsonOf(value: unknown, what: string): string {
  try {
    if (isFlat(value)) return JSON.stringify(value);
    hasMarks = false;
    const wrong = notJson(value);
    if (wrong === null) return JSON.stringify(value, hasMarks ? plainly : undefined) ?? "null";
    throw new SlowwaveError(
      "not_json",
      `${what} cannot be recorded: ${wrong.path || "it"} is ${wrong.what}. Keep plain JSON in it, or give the engine a codec.`,
    );
  } catch (cause) {
    if (cause instanceof SlowwaveError) throw cause;
    const message = `${what} cannot be recorded: it must be plain JSON, without cycles and big integers.`;
    throw new SlowwaveError("not_json", message, { cause });
  }
}

/** Errors keep what is kept of them; references, which XState writes by their id alone, also their path. */
function plainly(this: unknown, key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return plainError(value);
  if (!("xstate$$type" in value)) return value;
  const original = (this as Record<string, unknown>)[key];
  return typeof original === "object" && original !== null && isActorRef(original) ? marker(original) : value;
}

/** What a reference is stored as. */
function marker(ref: object): object {
  const { id, sessionId } = ref as { id: string; sessionId: string };
  return { xstate$$type: 1, id, key: sessionId };
}

/** Holds nothing but texts, whole numbers and truth values, as most events do. */
function isFlat(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    const part: unknown = value[key as keyof typeof value];
    if (typeof part !== "string" && typeof part !== "boolean" && !Number.isSafeInteger(part)) return false;
  }
  return true;
}

/** What was looked at last holds errors or references, which are not written as they are. */
let hasMarks = false;

/** What is wrong with it, with its path; null when it is plain JSON. A cycle overflows the stack, which is caught above. */
function notJson(value: unknown): Wrong | null {
  switch (typeof value) {
    case "string":
    case "boolean":
    // Both are left out by JSON, as they are in plain XState's own snapshots.
    case "undefined":
    case "function":
      return null;
    case "number":
      return Number.isFinite(value) ? null : { path: "", what: String(value) };
    case "object":
      return value === null ? null : notJsonObject(value);
    default:
      return { path: "", what: `a ${typeof value}` };
  }
}

/** Its path is put together on the way back, since mostly nothing is wrong. */
interface Wrong {
  readonly path: string;
  readonly what: string;
}

function within(key: string, { path, what }: Wrong): Wrong {
  const isPart = path !== "" && !path.startsWith("[");
  return { path: `${key}${isPart ? "." : ""}${path}`, what };
}

function notJsonObject(value: object): Wrong | null {
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      const wrong = notJson(value[at]);
      if (wrong !== null) return within(`[${at}]`, wrong);
    }
    return null;
  }
  if (value instanceof Error || isActorRef(value)) {
    hasMarks = true;
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !isOfOtherRealm(prototype)) {
    return { path: "", what: `a ${value.constructor?.name ?? "class instance"}` };
  }
  for (const key in value) {
    const wrong = notJson(value[key as keyof typeof value]);
    if (wrong !== null) return within(key, wrong);
  }
  return null;
}

function isOfOtherRealm(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null;
}

/** As XState itself tells a reference to an actor. */
export function isActorRef(value: object): boolean {
  return "sessionId" in value && "send" in value && "ref" in value;
}

function withPlainErrors(value: unknown): unknown {
  if (value instanceof Error) return plainError(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withPlainErrors);
  if (isActorRef(value)) return marker(value);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withPlainErrors(part)]));
}

/** What is kept of an error: message, code and cause. */
export function plainError(error: Error): object {
  return {
    message: error.message,
    code: codeOf(error) ?? undefined,
    cause: causeOf(error.cause) || undefined,
  };
}
