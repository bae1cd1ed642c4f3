import type { Thread } from "./thread.ts";

/** A line that claims to start a thread's memory, and whose header names an existing summary file of that thread. */
interface Claimed {
  readonly thread: Thread;
  readonly start: number;
  readonly bodyStart: number;
}

const heading = /^## Thread `([^`]{1,200})`\r?$/;

/**
 * The memory text of each thread, by id.
 *
 * The text of a memory is untrusted and may hold lines that look like the start of another thread. A start counts
 * only with the header of a thread that has a summary file. Where two claim the same thread, the file's own order
 * (latest first) tells the true one; what can't be told apart belongs to nobody, so that no session speaks for another.
 */
export function readRawMemories(text: string, threads: readonly Thread[]): ReadonlyMap<string, string> {
  const lines = text.split("\n");
  const claims = findClaims(lines, threads);
  const accepted = settle(claims, threads);
  const bodies = new Map<string, string>();
  accepted.forEach(({ claim }, at) => {
    const next = accepted[at + 1];
    const end = next === undefined ? lines.length : (next.ambiguousFrom ?? next.claim.start);
    bodies.set(
      claim.thread.id,
      lines.slice(claim.bodyStart, Math.max(end, claim.bodyStart)).join("\n").trim(),
    );
  });
  return bodies;
}

function findClaims(lines: readonly string[], threads: readonly Thread[]): readonly Claimed[] {
  const byId = new Map(threads.map((thread) => [thread.id, thread]));
  const claims: Claimed[] = [];
  lines.forEach((line, start) => {
    const id = line.startsWith("## Thread `") ? heading.exec(line)?.[1] : undefined;
    const thread = id === undefined ? undefined : byId.get(id);
    const bodyStart = thread === undefined ? -1 : headerEnd(lines, start + 1, thread);
    if (thread !== undefined && bodyStart >= 0) claims.push({ thread, start, bodyStart });
  });
  return claims;
}

/** The line after the blank one that ends a true header, or -1. */
function headerEnd(lines: readonly string[], from: number, thread: Thread): number {
  const fields = new Map<string, string>();
  for (let at = from; at < Math.min(from + 8, lines.length); at++) {
    const line = (lines[at] ?? "").replace(/\r$/, "");
    if (line === "") {
      const file = fields.get("rollout_summary_file") ?? fields.get("rollout_summary_file_name");
      return file === thread.file && fields.get("updated_at") === thread.updatedAt ? at + 1 : -1;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) return -1;
    fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return -1;
}

/** One claim a thread, in file order. `ambiguousFrom`: where a doubtful stretch before the claim begins. */
function settle(claims: readonly Claimed[], threads: readonly Thread[]) {
  const rank = new Map(threads.map((thread, at) => [thread.id, at]));
  const rivals = new Map<string, Claimed[]>();
  for (const claim of claims)
    rivals.set(claim.thread.id, [...(rivals.get(claim.thread.id) ?? []).slice(0, 99), claim]);
  const settled = new Map<string, { claim: Claimed; ambiguousFrom: number | null }>();
  const anchors = claims.filter((claim) => rivals.get(claim.thread.id)?.length === 1);
  for (const claim of anchors) settled.set(claim.thread.id, { claim, ambiguousFrom: null });
  for (const [id, group] of rivals) {
    if (group.length === 1) continue;
    const place = rank.get(id) ?? 0;
    const isBefore = (anchor: Claimed) => (rank.get(anchor.thread.id) ?? 0) < place;
    const after = Math.max(-1, ...anchors.filter(isBefore).map((anchor) => anchor.start));
    const before = Math.min(
      Infinity,
      ...anchors.filter((anchor) => !isBefore(anchor)).map((anchor) => anchor.start),
    );
    const possible = group.filter((claim) => claim.start > after && claim.start < before);
    const last = possible.at(-1);
    if (last === undefined) continue;
    settled.set(id, {
      claim: last,
      ambiguousFrom: possible.length > 1 ? (possible[0]?.start ?? null) : null,
    });
  }
  return [...settled.values()].sort((a, b) => a.claim.start - b.claim.start);
}
