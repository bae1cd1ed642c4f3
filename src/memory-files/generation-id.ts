import { hash } from "node:crypto";
import type { Generation, Manifest } from "../domain/generation.ts";

/**
 * Generations that a run makes are named after it, so that a repetition after a crash finds its own trace
 * instead of making a second one.
 */
export function publishedId(run: string): string {
  return `${run}-published`;
}

/** Of what a person left in the root: named by its content and by what it came from. */
export function foundId(
  run: string,
  kind: Extract<Generation["kind"], "adopted" | "edited">,
  parent: string | null,
  manifest: Manifest,
): string {
  const content = JSON.stringify([parent, manifest.map(({ path, hash }) => [path, hash])]);
  return `${run}-${kind}-${hash("sha256", content, "hex").slice(0, 8)}`;
}
