import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../domain/ports.ts";

export interface GrowthOptions {
  readonly clock: Clock;
  readonly folder: string;
  /** Called once, with how much more than at the start lies there. */
  readonly onGrown: (bytes: number) => void;
  /** Null = never. */
  readonly maxBytes: number | null;
}

const LOOK_MS = 5_000;
/** Whoever lays more files than these has written enough to be looked at. */
const MOST_ENTRIES = 50_000;

/**
 * Looks every few seconds how much was added to a folder: an agent must not fill the disk before the gate sees what
 * it wrote. What can't be read just then is looked at the next time.
 */
export function growthWatch({ clock, folder, maxBytes, onGrown }: GrowthOptions): { stop(): void } {
  let isStopped = maxBytes === null;
  let timer: unknown = null;
  let atFirst: number | null = null;

  async function look(): Promise<void> {
    const bytes = await sizeOf(folder);
    if (isStopped) return;
    atFirst ??= bytes;
    const grown = bytes - atFirst;
    if (grown > (maxBytes ?? Number.POSITIVE_INFINITY)) return onGrown(grown);
    timer = clock.setTimeout(() => void look(), LOOK_MS);
  }

  if (!isStopped) void look();
  return {
    stop() {
      isStopped = true;
      if (timer !== null) clock.clearTimeout(timer);
      timer = null;
    },
  };
}

/** On the disk, without following links. Never rejects. */
async function sizeOf(folder: string): Promise<number> {
  const folders = [folder];
  let [total, seen] = [0, 0];
  for (let at = folders.pop(); at !== undefined && seen < MOST_ENTRIES; at = folders.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      seen += 1;
      if (entry.isDirectory()) folders.push(join(at, entry.name));
      const facts = await lstat(join(at, entry.name)).catch(() => null);
      // A hole in a file takes no room.
      if (facts?.isFile()) total += Math.min(facts.size, facts.blocks * 512);
    }
  }
  return total;
}
