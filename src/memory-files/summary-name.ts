import type { Stage1Output } from "../domain/memory.ts";
import { fileTime } from "./instant.ts";
import { shortHash } from "./short-hash.ts";
import { threadTime } from "./thread-time.ts";

const SLUG_LIMIT = 60;

/**
 * File name of a rollout summary without `.md` (original, section 4.1): time, hash, slug. ASCII only, whatever
 * the thread id and the slug hold, so that neither can reach another folder.
 */
export function summaryStem(
  output: Pick<Stage1Output, "threadId" | "sourceUpdatedAt" | "rolloutSlug">,
): string {
  const time = fileTime(threadTime(output.threadId) ?? output.sourceUpdatedAt);
  const slug = sanitizedSlug(output.rolloutSlug ?? "");
  return `${time}-${shortHash(output.threadId)}${slug === "" ? "" : `-${slug}`}`;
}

export function sanitizedSlug(slug: string): string {
  let text = "";
  // By code points: a character outside the basic plane becomes one `_`, not two.
  for (const point of slug) {
    if (text.length === SLUG_LIMIT) break;
    text += /^[0-9A-Za-z]$/.test(point) ? point.toLowerCase() : "_";
  }
  return text.replace(/_+$/, "");
}
