import { resolve } from "node:path";
import { type Clock, type Ids, pause } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Generation, Manifest } from "../domain/generation.ts";
import type { LocalStore, Store } from "../domain/ports.ts";
import { checkSpaceKey } from "../domain/settings.ts";
import { clockOf, systemIds } from "../durable/system.ts";
import type { Files } from "../files/folder.ts";
import { nodeFiles } from "../files/node-files.ts";
import { storedBlob } from "../memory-files/blobs.ts";
import { type Checkout, checkOut } from "../memory-files/checkout.ts";
import { pathText } from "../text/sanitize.ts";
import { localStore } from "./local-store.ts";

export interface CheckoutOptions {
  readonly store: Store | LocalStore;
  /** State folder of this machine; its locks keep two processes from writing one folder. */
  readonly home: string;
  /** Default `global`. */
  readonly space?: string;
  /** The folder; made if it is not there. */
  readonly to: string;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** File operations; replaced in tests. */
  readonly files?: Files;
}

export interface FollowOptions {
  /** Ends the following; what is being written is brought to its end first. */
  readonly until: AbortSignal;
  /** Told after each look at which something happened, or could not. */
  readonly onCheckout?: (checkout: Checkout) => void;
  /** A look that failed, a store that can't be reached above all; the next one is taken all the same. */
  readonly onError?: (error: unknown) => void;
  /** Between two looks at the folder, in seconds; what others publish is seen at once. Default 2. */
  readonly everySeconds?: number;
}

/**
 * Brings a folder to the memory of a space and takes a person's edits in it back to the store (a three-way merge).
 *
 * ```ts
 * const { kind, generation } = await checkout({ store, home, space: "team/shop", to: "/srv/shop/memory" });
 * ```
 */
export async function checkout(options: CheckoutOptions): Promise<Checkout> {
  const { deps, request } = prepared(options);
  return checkOut(deps, request);
}

/** The same again and again, until the signal: what others publish, and what a person saves in the folder. Never rejects after its first look. */
export async function followCheckout(options: CheckoutOptions, follow: FollowOptions): Promise<void> {
  const { deps, request } = prepared(options);
  const { until, onCheckout, onError, everySeconds = 2 } = follow;
  const rest = await resting({ ...deps, space: request.space, until, everySeconds });
  let settledAt: string | null = null;
  let kind: Checkout["kind"] | null = null;
  let generation: string | null = null;
  for (let isFirst = true; !until.aborted; isFirst = false) {
    try {
      const answer = await checkOut(deps, isFirst ? request : { ...request, settledAt });
      settledAt = answer.digest;
      if (answer.kind === "brought" || answer.edited !== null || answer.kind !== kind) onCheckout?.(answer);
      generation = answer.generation;
      // A folder that was brought holds the memory: to say so at the next look would be no news.
      kind = answer.kind === "brought" ? "current" : answer.kind;
    } catch (error) {
      if (isFirst) throw error;
      onError?.(error);
    }
    await rest(generation);
  }
}

/** Whatever a store commits in between, it is asked no more often than this. */
const SHORTEST_MS = 100;

/** Rests for `everySeconds`, and no longer than until the space has another generation than this. */
async function resting(at: {
  readonly store: Store;
  readonly clock: Clock;
  readonly space: string;
  readonly until: AbortSignal;
  readonly everySeconds: number;
}): Promise<(generation: string | null) => Promise<void>> {
  const { store, clock, space, until, everySeconds } = at;
  let wake = () => {};
  await store.runs.watch(() => wake(), until);
  return async (generation) => {
    const endMs = clock.monotonicMs() + everySeconds * 1_000;
    for (let leftMs = endMs; leftMs > 0 && !until.aborted; leftMs = endMs - clock.monotonicMs()) {
      const woken = new AbortController();
      wake = () => woken.abort();
      const ms = Math.min(leftMs, everySeconds * 1_000);
      await pause(clock, ms, AbortSignal.any([woken.signal, until])).catch(() => {});
      if (!woken.signal.aborted) return;
      await pause(clock, SHORTEST_MS, until).catch(() => {});
      const current = await store.generations.current(space).catch(() => null);
      if ((current?.generation.id ?? null) !== generation) return;
    }
  };
}

function prepared(options: CheckoutOptions) {
  const { space = "global", to } = options;
  checkSpaceKey(space);
  const clock = clockOf(options.clock);
  const store = localStore(options.store, resolve(options.home));
  const deps = { store, clock, ids: options.ids ?? systemIds(clock), files: options.files ?? nodeFiles() };
  return { deps, request: { space, folder: resolve(to) } };
}

/** The memory of a space that is in effect, read from the store: no folder is needed. Null: there is none yet. */
export async function readMemory(
  store: Pick<Store, "generations">,
  space = "global",
): Promise<{
  readonly generation: Generation;
  readonly files: Manifest;
  /** Rejects with `blob_damaged`, or `memory_file_unknown`. */
  read(path: string): Promise<Uint8Array>;
} | null> {
  checkSpaceKey(space);
  const current = await store.generations.current(space);
  if (current === null) return null;
  const { generation, manifest } = current;
  return {
    generation,
    files: manifest,
    read: async (path) => {
      const entry = manifest.find((one) => one.path === path);
      if (entry === undefined) {
        throw new SlowwaveError("memory_file_unknown", `The memory has no file ${pathText(path)}.`);
      }
      return storedBlob(store, entry);
    },
  };
}
