import type { Finding, Manifest } from "../../domain/generation.ts";
import type { Problem } from "../workspace/scan.ts";

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
  /** The generation the run started from; empty when there was none. */
  readonly base: Manifest;
}

/** One thing that must hold, in one file of this folder. Pure. */
export type Check = (candidate: Candidate) => readonly Remark[];

/** A finding, and what the host itself does about it before anything is published. */
export interface Remark {
  readonly finding: Finding;
  readonly mend?: Mend;
}

type Mend =
  | { readonly do: "remove"; readonly path: string }
  /** Back to what `expected` says. */
  | { readonly do: "restore"; readonly path: string };
