import { type Clock, pause } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { LocalStore } from "../domain/ports.ts";
import type { Files } from "../files/folder.ts";
import { type ConnectionState, repairConnections } from "./connect.ts";
import { writeProjections } from "./projections.ts";
import { type PublishedMemory, readPublishedMemory, withKnownFolders } from "./published-memory.ts";
import { scheduleNotices } from "./schedule-state.ts";
import { shownTexts } from "./shown-texts.ts";

export interface DeliveryDeps {
  readonly store: Pick<LocalStore, "connections" | "locks" | "projects">;
  readonly files: Files;
  readonly clock: Clock;
  readonly home: string;
}

export interface Delivered {
  readonly memory: PublishedMemory;
  readonly connections: readonly ConnectionState[];
}

/**
 * Shows the memory as it stands now wherever it is shown: the projections that hooks read, then every connection of the
 * space. May be repeated at any time, and ends what a killed process left half done.
 */
export async function refreshDelivery(
  deps: DeliveryDeps,
  { space, root }: { readonly space: string; readonly root: string },
): Promise<Delivered> {
  const { files, home, store, clock } = deps;
  const memory = await withKnownFolders(await readPublishedMemory(files, root), store.projects);
  const notices = scheduleNotices(home);
  return withConnectionLock(deps, async () => {
    await writeProjections({ files, home }, space, memory, notices);
    const texts = await shownTexts(memory, notices);
    const port = { connections: store.connections, files, nowMs: () => clock.nowMs() };
    return { memory, connections: await repairConnections(port, space, texts) };
  });
}

const PATIENCE_MS = 10_000;
const RETRY_MS = 50;

/** Does `work` as the only one of this home who writes into places of agents. The lock dies with the process. */
export async function withConnectionLock<Result>(
  { store, clock }: Pick<DeliveryDeps, "store" | "clock">,
  work: () => Promise<Result>,
): Promise<Result> {
  const since = clock.monotonicMs();
  for (;;) {
    const lock = await store.locks.lock("connections");
    if (lock !== null) {
      try {
        return await work();
      } finally {
        await lock.unlock();
      }
    }
    if (clock.monotonicMs() - since >= PATIENCE_MS) {
      throw new SlowwaveError(
        "connections_busy",
        "Another process is changing the connections of this home; try again when it is done.",
      );
    }
    await pause(clock, RETRY_MS);
  }
}

/** For a publish: what can't be shown now is told by `slowwave connections`, and no reason to keep the publish open. */
export function showPublished(
  deps: DeliveryDeps,
): (publication: { readonly space: string; readonly root: string }) => Promise<void> {
  return async (publication) => {
    await refreshDelivery(deps, publication).catch(() => {});
  };
}
