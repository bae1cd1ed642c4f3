import type { GateCode } from "../domain/gate.ts";
import type { Finding, Manifest } from "../domain/generation.ts";
import type { HostFile } from "../memory-files/host-files.ts";
import type { Problem } from "../memory-files/scan.ts";
import type { Base } from "./base.ts";

/** What the gate judges: a workspace, read once. Everything in it may be hostile. */
export interface Candidate {
  /** Regular files at places where a memory may have them, whoever wrote them. */
  readonly manifest: Manifest;
  readonly problems: readonly Problem[];
  /** An agent-written file as text; null when it is missing, too large, or not UTF-8. */
  text(path: string): string | null;
  /** An agent-written file's bytes; null when it is missing or too large. */
  bytes(path: string): Uint8Array | null;
  /** What the host's files must be, from the inputs of the run. */
  readonly expected: Manifest;
  /** The same with their contents: the evidence for everything the agent says. */
  readonly evidence: readonly HostFile[];
  /** What the memory was when the run started; empty when there was none. */
  readonly base: Base;
}

/** One thing that must hold, in one file of this folder. Decides nothing by itself but what it found. */
export type Check = (candidate: Candidate) => readonly Remark[] | Promise<readonly Remark[]>;

/** A fault, and what the host itself does about it before anything is published. How bad it is, is settled elsewhere. */
export interface Remark {
  readonly finding: Fault;
  readonly mend?: Mend;
}

export type Fault = Omit<Finding, "code" | "severity"> & { readonly code: GateCode };

type Mend =
  | { readonly do: "remove"; readonly path: string }
  /** Back to what `expected` says. */
  | { readonly do: "restore"; readonly path: string };

/** Faults of one kind in one place are told up to a number; a hostile file could fill the log and the prompt. */
export function told(remarks: readonly Remark[], most = 20): readonly Remark[] {
  return remarks.slice(0, most);
}
