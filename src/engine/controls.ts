import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { showPublished } from "../delivery/refresh.ts";
import type { Clock, Ids } from "../domain/clock.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { checkSpaceKey } from "../domain/settings.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import type { Files } from "../files/folder.ts";
import { nodeFiles } from "../files/node-files.ts";
import { type ApplyAnswer, apply } from "../memory-files/apply.ts";
import { checkRoot } from "../memory-files/check-root.ts";
import { type Purged, purge } from "../memory-files/purge/purge.ts";
import { type RollbackAnswer, rollback } from "../memory-files/rollback.ts";
import { freeSpace } from "../memory-files/root-lock.ts";
import { createHome } from "./home.ts";
import { localStore } from "./local-store.ts";

export interface ControlsOptions {
  readonly store: Store | LocalStore;
  readonly home: string;
  /** As the engine's. */
  readonly memoryRoot?: ((space: string) => string) | null;
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly files?: Files;
}

/** What a person may do to a memory beside running it. Each has the space for itself, and ends whole or not at all. */
export interface Controls {
  /** `target`: as a person names a generation; null: the last published before the current one. */
  rollback(request: { readonly space: string; readonly target: string | null }): Promise<RollbackAnswer>;
  /** Where anything of the thread is kept as input; a purge of none of them only compacts the store. */
  spacesOf(threadId: string): Promise<readonly string[]>;
  /** In these spaces, which refuse the thread from then on; then the store's files are compacted. `running`: the first of them that a run works on. */
  purge(request: {
    readonly threadId: string;
    readonly spaces: readonly string[];
  }): Promise<{ readonly kind: "running"; readonly space: string } | PurgedSpaces>;
  /** `hash`: of a dry run's draft, or the beginning of it. */
  apply(request: { readonly space: string; readonly hash: string }): Promise<ApplyAnswer>;
}

export interface PurgedSpaces {
  readonly kind: "purged";
  readonly spaces: readonly ({ readonly space: string } & Purged)[];
}

/**
 * The operations that change a memory without an agent: going back to a generation, publishing a kept draft, purging a
 * thread. Each takes its space as a run does, so none runs beside one.
 *
 * ```ts
 * const controls = createControls({ store, home });
 * const answer = await controls.rollback({ space: "global", target: null });
 * ```
 */
export function createControls(options: ControlsOptions): Controls {
  const clock = clockOf(options.clock);
  const ids = options.ids ?? systemIds(clock);
  const files = options.files ?? nodeFiles();
  const home = createHome(resolve(options.home), options.memoryRoot);
  const store = localStore(options.store, home.folder);

  /** Rejects with a `root_*` code when the memory root is not ours to write. */
  const prepared = async (space: string) => {
    checkSpaceKey(space);
    const homeId = await home.prepare();
    const root = home.rootOf(space);
    if (root !== null) await checkRoot({ root, homeId, space, files });
    await freeSpace({ store, clock }, space);
    const published = showPublished({ store, files, clock, home: home.folder });
    return { deps: { store, homeId, clock, ids, files, published }, root };
  };

  /** While it works, other processes see that it lives. */
  const registered = async <Answer>(work: (worker: string) => Promise<Answer>): Promise<Answer> => {
    const worker = ids.token();
    const registration = await store.liveness.register(worker);
    try {
      return await work(worker);
    } finally {
      await registration.unregister();
    }
  };

  return {
    spacesOf: (threadId) => store.memories.spacesOf(threadId),
    async purge({ threadId, spaces }) {
      const folders = ["rejected", "staging"].map((name) => join(home.folder, name));
      const done: ({ readonly space: string } & Purged)[] = [];
      for (const space of spaces) {
        const { deps, root } = await prepared(space);
        const request = { threadId, space, root, folders, id: ids.generation(), token: ids.token() };
        const purged = await registered((worker) => purge(deps, { ...request, worker }));
        if (purged === "running") return { kind: "running", space };
        // Also where nothing of it was found: it is not to come in later.
        await store.memories.refuse(threadId, space);
        done.push({ space, ...purged });
      }
      await forgetHookNotes(home.folder, threadId);
      await store.compact();
      return { kind: "purged", spaces: done };
    },
    async apply({ space, hash }) {
      const { deps, root } = await prepared(space);
      return registered((worker) => apply(deps, { space, root, hash, worker, token: ids.token() }));
    },
    async rollback({ space, target }) {
      const { deps, root } = await prepared(space);
      return rollback(deps, { id: ids.generation(), space, root, target });
    },
  };
}

/** A hook may have left a note that names the session; an id that is no plain name has none. */
async function forgetHookNotes(home: string, threadId: string): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(threadId)) return;
  for (const name of [threadId, `codex-${threadId}`])
    await rm(join(home, "inbox", `${name}.json`), { force: true }).catch(() => {});
}
