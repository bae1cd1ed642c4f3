import type { HostFile } from "../memory-files/host-files.ts";
import { evidenceOf } from "./evidence.ts";

/** Share of the words that an input must have, all within a few lines' distance of each other or not. */
const ENOUGH = 0.7;
const MOST_WORDS = 60;

/** The summary file of the session that a piece of text most likely came from; null when none says the like. */
export function sourceOf(piece: string, evidence: readonly HostFile[]): string | null {
  const whole = plain(piece);
  const words = [...new Set(whole.split(" ").filter((word) => word.length > 3))].slice(0, MOST_WORDS);
  let best: { readonly path: string; readonly share: number } | null = null;
  for (const [path, text] of evidenceOf(evidence).texts) {
    const said = plain(text);
    if (whole.length > 20 && said.includes(whole)) return path;
    const share = words.filter((word) => said.includes(word)).length / Math.max(1, words.length);
    if (words.length >= 3 && share >= ENOUGH && share > (best?.share ?? 0)) best = { path, share };
  }
  return best?.path ?? null;
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}
