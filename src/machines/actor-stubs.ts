import { NEVER } from "rxjs";
import { type EventObject, fromEventObservable, fromPromise, type NonReducibleUnknown } from "xstate";

/**
 * Typed stubs: the machine names its actors and says what goes in and out; the engine fills them with
 * `machine.provide`. An unfilled promise says so, an unfilled stream stays silent, so that the machine also
 * runs unprovided in Stately's simulator.
 */
export function notProvided<Output, Input extends NonReducibleUnknown>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`The actor "${name}" was not provided.`)));
}

export function never<Event extends EventObject, Input extends NonReducibleUnknown>() {
  return fromEventObservable<Event, Input>(() => NEVER);
}
