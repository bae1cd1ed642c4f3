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
  /** Name inside `rollout_summaries/`. */
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
  if (!/^[^/\\\n]{1,250}\.md$/.test(name)) return null;
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
