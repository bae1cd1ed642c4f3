import { DOORS } from "./doors.ts";
import { DURABLE } from "./durable.ts";
import { MACHINE } from "./machine.ts";
import { RUN } from "./run.ts";
import { STORES } from "./stores.ts";

/** One small bug, and the tests of which at least one must go red with it. */
export interface Mutation {
  /** What the program then does wrong. */
  readonly name: string;
  readonly file: string;
  /** Texts of the file, each of which stands there once, and what takes their place. */
  readonly edits: readonly (readonly [from: string, to: string])[];
  readonly tests: readonly string[];
}

export const MUTATIONS: readonly Mutation[] = [...MACHINE, ...DURABLE, ...STORES, ...RUN, ...DOORS];
