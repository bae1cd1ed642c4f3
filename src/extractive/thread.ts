/** One session as its rollout summary file proves it: a thread exists if and only if such a file says so. */
export interface Thread {
  readonly id: string;
  /** RFC 3339 as written in the file; cited verbatim. */
  readonly updatedAt: string;
  /** Milliseconds; 0 when `updatedAt` is not a date. */
  readonly time: number;
  /** Milliseconds of its beginning, where the file name or the transcript's path tells it; else `time`. */
  readonly started: number;
  /** Normalised folder: the key of the group. Empty when unknown. */
  readonly cwd: string;
  readonly rolloutPath: string;
  /** Name inside `rollout_summaries/`; what a person noted beside all sessions lies in `notes/` there. */
  readonly file: string;
  /** What follows the header of the summary file. */
  readonly recap: string;
}

export interface SummaryFile {
  readonly name: string;
  readonly text: string;
}

const headerKeys = new Set(["thread_id", "updated_at", "rollout_path", "cwd", "git_branch"]);

/** Threads latest first, ids unique (the latest file of an id wins); files without a proper header are left out. */
export function readThreads(files: readonly SummaryFile[]): readonly Thread[] {
  const threads = files.map(readThread).filter((thread) => thread !== null);
  threads.sort(latestFirst);
  const seen = new Set<string>();
  return threads.filter((thread) => !seen.has(thread.id) && seen.add(thread.id));
}

/** The order of `raw_memories.md`: by time, then by id, both descending; file name only settles what can't be. */
export function latestFirst(a: Thread, b: Thread): number {
  return b.time - a.time || compare(b.id, a.id) || compare(a.file, b.file);
}

/** Code unit order, the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Spelling differences that can't mean another folder: doubled, dotted and trailing separators. Case is kept. */
export function normalFolder(cwd: string): string {
  const plain = cwd
    .trim()
    .replace(/(?<=.)\/{2,}/g, "/")
    .replace(/\/(?:\.\/)+/g, "/");
  return plain.length > 1 ? plain.replace(/(?<=[^/\\:])[/\\]{1,8}\.?$/, "") : plain;
}

function readThread({ name, text }: SummaryFile): Thread | null {
  if (!/^(?:notes\/)?[^/\\\n]{1,250}\.md$/.test(name)) return null;
  const end = text.search(/\n\r?\n/);
  const head = end < 0 ? text : text.slice(0, end);
  const fields = new Map<string, string>();
  for (const line of head.split("\n", 12)) {
    const colon = line.indexOf(":");
    const key = line.slice(0, Math.max(colon, 0));
    if (!headerKeys.has(key) || fields.has(key)) break;
    fields.set(key, line.slice(colon + 1).trim());
  }
  const id = fields.get("thread_id");
  const updatedAt = fields.get("updated_at");
  if (!id || id.length > 200 || updatedAt === undefined) return null;
  const time = Date.parse(updatedAt);
  const known = Number.isNaN(time) ? 0 : time;
  const rolloutPath = fields.get("rollout_path") ?? "";
  return {
    id,
    updatedAt,
    time: known,
    started: Math.min(known, timeIn(name), timeIn(rolloutPath)),
    cwd: normalFolder(fields.get("cwd") ?? ""),
    rolloutPath,
    file: name,
    recap: end < 0 ? "" : text.slice(end).trim(),
  };
}

/** The time that agents write into the names of their transcripts, `2026-01-16T15-23-32` or `2026-01-16_15-23-32Z`. */
function timeIn(path: string): number {
  const match = /(\d{4}-\d\d-\d\d)[T_](\d\d)-(\d\d)(?:-(\d\d))?/.exec(path);
  if (match === null) return Infinity;
  const time = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4] ?? "00"}Z`);
  return Number.isNaN(time) ? Infinity : time;
}

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
  const accepted = acceptClaims(claims, threads);
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
function acceptClaims(claims: readonly Claimed[], threads: readonly Thread[]) {
  const rank = new Map(threads.map((thread, at) => [thread.id, at]));
  const rivals = new Map<string, Claimed[]>();
  for (const claim of claims)
    rivals.set(claim.thread.id, [...(rivals.get(claim.thread.id) ?? []).slice(0, 99), claim]);
  const accepted = new Map<string, { claim: Claimed; ambiguousFrom: number | null }>();
  const anchors = claims.filter((claim) => rivals.get(claim.thread.id)?.length === 1);
  for (const claim of anchors) accepted.set(claim.thread.id, { claim, ambiguousFrom: null });
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
    accepted.set(id, {
      claim: last,
      ambiguousFrom: possible.length > 1 ? (possible[0]?.start ?? null) : null,
    });
  }
  return [...accepted.values()].sort((a, b) => a.claim.start - b.claim.start);
}
