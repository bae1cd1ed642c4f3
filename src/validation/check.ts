import type { Finding } from "../domain/generation.ts";
import type { GateCode } from "../domain/settings.ts";
import type { Candidate } from "./candidate.ts";

/** One thing that must hold, in one file of this folder. Decides nothing by itself but what it found. */
export type Check = (candidate: Candidate) => readonly Remark[] | Promise<readonly Remark[]>;

/** A fault, and what the host itself does about it before anything is published. How bad it is, is settled elsewhere. */
export interface Remark {
  readonly finding: Fault;
  readonly fix?: Fix;
}

export type Fault = Omit<Finding, "code" | "severity"> & { readonly code: GateCode };

type Fix =
  | { readonly do: "remove"; readonly path: string }
  /** Back to what `expected` says. */
  | { readonly do: "restore"; readonly path: string };

/** Faults of one kind in one place are told up to a number; a hostile file could fill the log and the prompt. */
export function limited(remarks: readonly Remark[], most = 20): readonly Remark[] {
  return remarks.slice(0, most);
}
