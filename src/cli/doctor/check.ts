import type { Store } from "../../domain/ports.ts";
import type { Invocation } from "../shell.ts";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly message: string;
  /** The command that mends it; null when there is nothing to mend, or no command does. */
  readonly mend: string | null;
}

/** What the checks look at; the store is null where nothing was ever kept. */
export interface Patient {
  readonly at: Invocation;
  readonly store: Store | null;
}

export function fine(name: string, message: string): Check {
  return { name, verdict: "ok", message, mend: null };
}

export function warning(name: string, message: string, mend: string | null = null): Check {
  return { name, verdict: "warn", message, mend };
}

export function failure(name: string, message: string, mend: string | null = null): Check {
  return { name, verdict: "fail", message, mend };
}
