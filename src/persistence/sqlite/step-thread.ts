import { Worker } from "node:worker_threads";
import type { CommitOutcome } from "../../domain/run.ts";
import type { StepRow, StepThread } from "./writer.ts";

/** What the thread begins with, gets and answers. */
export interface ThreadData {
  readonly path: string;
}
export type Asked = { readonly number: number; readonly rows: readonly StepRow[] } | "close";
export type Answered =
  | { readonly number: number; readonly outcomes: readonly (CommitOutcome | null)[] }
  | "ready";

/** Resolves when the thread has opened the database, which must be there and migrated. */
export async function startStepThread(data: ThreadData): Promise<StepThread> {
  // The same file, as source and as built.
  const entry = import.meta.url.endsWith(".ts") ? "./step-thread-entry.ts" : "./step-thread-entry.js";
  const worker = new Worker(new URL(entry, import.meta.url), { workerData: data });
  const inFlight = new Map<
    number,
    { size: number; settle: (outcomes: readonly (CommitOutcome | null)[]) => void }
  >();
  let next = 0;
  let isGone = false;
  const left = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      isGone = true;
      for (const { size, settle } of inFlight.values()) settle(new Array<null>(size).fill(null));
      inFlight.clear();
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", () => resolve());
  });
  // It is gone with the next event, and what it was to do is done by its sender.
  worker.on("error", () => {});
  worker.on("message", ({ number, outcomes }: Exclude<Answered, "ready">) => {
    inFlight.get(number)?.settle(outcomes);
    inFlight.delete(number);
    if (inFlight.size === 0) worker.unref();
  });
  worker.unref();
  return {
    commit: (rows) => {
      if (isGone) return Promise.resolve(new Array<null>(rows.length).fill(null));
      return new Promise((settle) => {
        const number = next++;
        worker.postMessage({ number, rows } satisfies Asked);
        inFlight.set(number, { size: rows.length, settle });
        // An idle thread keeps no process alive; one that commits does.
        worker.ref();
      });
    },
    close: async () => {
      if (isGone) return;
      worker.ref();
      worker.postMessage("close" satisfies Asked);
      await left;
    },
  };
}
