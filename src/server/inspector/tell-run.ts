import type { AnyStateMachine } from "xstate";
import type { RunStore } from "../../domain/ports.ts";
import type { LogRow, RunRecord } from "../../domain/run.ts";
import type { Feed } from "../feed.ts";
import type { Refolder } from "../refold.ts";
import { type InspectionMessage, tellerOf } from "./messages.ts";

export interface TellDeps {
  readonly runs: Pick<RunStore, "log">;
  readonly feed: Feed;
  readonly refolder: Refolder;
  readonly machine: AnyStateMachine;
}

const PAGE = 500;
const PATIENCE_MS = 15_000;

/**
 * Begins to tell one run as inspector messages: all of its log, then on as it grows. Throws `other_machine` at
 * once; what it returns goes on until `signal` is raised. `send` is waited for, so that a slow reader holds
 * back one page and no more.
 */
export function tellRun(run: RunRecord, { runs, feed, refolder, machine }: TellDeps) {
  const fold = refolder.begin(run);
  const teller = tellerOf(run.id, machine);
  return async (send: (message: InspectionMessage) => Promise<void>, signal: AbortSignal): Promise<void> => {
    let after = 0;
    const tell = async (rows: readonly LogRow[]) => {
      for (const row of rows) {
        const messages = row.sequence === null ? teller.note(row) : teller.step(fold(row));
        for (const message of messages) {
          if (signal.aborted) return;
          await send(message);
        }
      }
    };
    for (let isWhole = false; !isWhole && !signal.aborted; ) {
      const page = await runs.log({ run: run.id, after, limit: PAGE });
      await tell(page);
      after = page.at(-1)?.id ?? after;
      isWhole = page.length < PAGE;
    }
    while (!signal.aborted) {
      const rows = await feed.next(after, { patienceMs: PATIENCE_MS, signal });
      await tell(rows.filter((row) => row.run === run.id));
      after = rows.at(-1)?.id ?? after;
    }
  };
}
