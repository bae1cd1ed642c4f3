import { setTimeout as timer } from "node:timers";
import type { CommitOutcome, CommitRequest } from "../../../src/domain/run.ts";

/**
 * Stops the engine at every commit of a run, before it is written and before the engine hears of it: between these
 * two and around them lie all the moments in which a process can die.
 */
export interface CommitGate {
  /** Waits until the engine asks for its next commit. */
  asked(): Promise<CommitRequest>;
  /** Writes it; the engine does not know yet. */
  write(): Promise<CommitOutcome>;
  /** Tells the engine. */
  release(): void;
  /** The engine's side. */
  pass(request: CommitRequest, write: () => Promise<CommitOutcome>): Promise<CommitOutcome>;
}

const PATIENCE_MS = 10_000;

export function commitGate(): CommitGate {
  let onAsked: ((request: CommitRequest) => void) | null = null;
  let pending: {
    readonly request: CommitRequest;
    readonly write: () => Promise<CommitOutcome>;
    readonly tell: (outcome: CommitOutcome) => void;
  } | null = null;
  let written: CommitOutcome | null = null;

  const current = () => {
    if (pending === null) throw new Error("no commit is asked for");
    return pending;
  };

  return {
    asked: () =>
      new Promise((resolve, reject) => {
        if (pending !== null) return resolve(pending.request);
        const late = timer(() => reject(new Error("the engine asks for no commit")), PATIENCE_MS);
        onAsked = (request) => {
          clearTimeout(late);
          resolve(request);
        };
      }),
    async write() {
      written = await current().write();
      return written;
    },
    release() {
      const { tell } = current();
      const outcome = written as CommitOutcome;
      pending = null;
      written = null;
      tell(outcome);
    },
    pass: (request, write) =>
      new Promise((tell) => {
        pending = { request, write, tell };
        onAsked?.(request);
        onAsked = null;
      }),
  };
}
