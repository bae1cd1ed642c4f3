import type { Manifest } from "../domain/generation.ts";
import type { GenerationStore } from "../domain/ports.ts";
import { isHostPath } from "../memory-files/host-files.ts";

/** The generation a run started from, as far as the gate compares with it. */
export interface Base {
  readonly manifest: Manifest;
  /** An agent-written file; null when the base has none of that name, or not as text. */
  text(path: string): string | null;
}

export const NO_BASE: Base = { manifest: [], text: () => null };

/** More than this of a base is not compared: the gate then judges the agent's files alone. */
const MOST_BYTES = 32 * 1024 ** 2;

export async function loadBase(
  store: Pick<GenerationStore, "manifest" | "blob">,
  generation: string | null,
): Promise<Base> {
  const manifest = generation === null ? null : await store.manifest(generation);
  if (manifest === null) return NO_BASE;
  const texts = new Map<string, string>();
  let left = MOST_BYTES;
  for (const { path, hash, bytes } of manifest) {
    if (isHostPath(path) || bytes > left) continue;
    const content = await store.blob(hash);
    if (content === null) continue;
    left -= bytes;
    texts.set(path, Buffer.from(content).toString());
  }
  return { manifest, text: (path) => texts.get(path) ?? null };
}
