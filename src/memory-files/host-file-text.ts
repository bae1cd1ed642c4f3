import { isNote, latestFirst, type Stage1Output, trimmed } from "../domain/memory.ts";
import { headerText } from "../text/sanitize.ts";
import { NOTES } from "./memory-path.ts";

/**
 * One `name: value` line. Import refuses line breaks in these values; a host that writes rows by other ways
 * still can't add a header with one.
 */
export function header(name: string, value: string): string {
  return `${name}: ${headerText(value)}\n`;
}

/** Unix seconds as `2026-06-26T10:19:09+00:00`: no fraction, an offset instead of `Z`, as the original prints it. */
export function rfc3339(seconds: number): string {
  return `${utc(seconds)}+00:00`;
}

/** The same time for a file name: `2026-06-26T10-19-09`. */
export function fileTime(seconds: number): string {
  return utc(seconds).replaceAll(":", "-");
}

/** A year with more than four digits would change the shape of names and headers; import refuses such times. */
const FIRST = Date.parse("0000-01-01T00:00:00Z") / 1000;
const LAST = Date.parse("9999-12-31T23:59:59Z") / 1000;

function utc(seconds: number): string {
  const bounded = Math.min(Math.max(Math.floor(seconds), FIRST), LAST);
  return new Date(bounded * 1000).toISOString().slice(0, 19);
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LENGTH = 4;

/**
 * Four base-62 digits of a thread id (original, section 4.1): of the lowest 32 bits of a UUID, of a rolling
 * hash over the UTF-8 bytes of anything else. Two threads may share one: see `summaryNames`.
 */
export function shortHash(threadId: string): string {
  const digits = uuidDigits(threadId);
  let rest = digits === null ? rolling(threadId) : Number.parseInt(digits.slice(-8), 16);
  rest %= ALPHABET.length ** LENGTH;
  let text = "";
  for (let place = 0; place < LENGTH; place += 1) {
    text = ALPHABET.charAt(rest % ALPHABET.length) + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

function rolling(text: string): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 31) + byte) >>> 0;
  return hash;
}

/**
 * What a thread id says when it is a UUID: its 128 bits as 32 hex digits in lower case, or null.
 * The spellings are those the original's parser takes: hyphenated, plain, braced, and as a URN.
 */
export function uuidDigits(threadId: string): string | null {
  const bare = threadId.replace(/^urn:uuid:/, "").replace(/^\{(.*)\}$/, "$1");
  return UUID.test(bare) ? bare.replaceAll("-", "").toLowerCase() : null;
}

const UUID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

/** Unix seconds a UUID of version 1, 6 or 7 carries; null for every other id, and for times before 1970. */
export function threadTime(threadId: string): number | null {
  const digits = uuidDigits(threadId);
  if (digits === null) return null;
  const ticks = ticksOf(digits);
  return ticks === null || ticks < 0n ? null : Number(ticks / TICKS_PER_SECOND);
}

const TICKS_PER_SECOND = 10_000_000n;
const TICKS_PER_MS = 10_000n;

/** 100 ns ticks from 1582-10-15, where versions 1 and 6 begin, to 1970-01-01. */
const GREGORIAN_TO_UNIX = 0x01b2_1dd2_1381_4000n;

function ticksOf(digits: string): bigint | null {
  switch (digits[12]) {
    case "1":
      return hex(digits.slice(13, 16) + digits.slice(8, 12) + digits.slice(0, 8)) - GREGORIAN_TO_UNIX;
    case "6":
      return hex(digits.slice(0, 12) + digits.slice(13, 16)) - GREGORIAN_TO_UNIX;
    case "7":
      return hex(digits.slice(0, 12)) * TICKS_PER_MS;
    default:
      return null;
  }
}

function hex(digits: string): bigint {
  return BigInt(`0x${digits}`);
}

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

/**
 * Thread id → name in `rollout_summaries/` for all inputs of a run; notes have a folder of their own there. Where the original would let two threads overwrite each other
 * (same second, hash and slug, or names that differ only in case), all but one get `-2`, `-3`, …
 * Which one keeps the plain name depends on the thread ids alone, not on the order of the inputs.
 */
export function summaryNames(
  outputs: readonly Pick<Stage1Output, "threadId" | "sourceUpdatedAt" | "rolloutSlug">[],
): ReadonlyMap<string, string> {
  const stems = outputs
    .map((output) => ({
      threadId: output.threadId,
      stem: `${isNote(output) ? `${NOTES}/` : ""}${summaryStem(output)}`,
    }))
    .sort((a, b) => (a.threadId < b.threadId ? -1 : 1));
  const plain = new Set(stems.map(({ stem }) => stem.toLowerCase()));
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const { threadId, stem } of stems) {
    let name = stem;
    // A suffixed name may not take what another thread is called without one.
    for (
      let n = 2;
      taken.has(name.toLowerCase()) || (name !== stem && plain.has(name.toLowerCase()));
      n += 1
    ) {
      name = `${stem}-${n}`;
    }
    taken.add(name.toLowerCase());
    names.set(threadId, `${name}.md`);
  }
  return names;
}

/** Content of a file in `rollout_summaries/` (original, section 4.2). The summary itself is kept verbatim. */
export function summaryBody(output: Stage1Output): string {
  return [
    header("thread_id", output.threadId),
    header("updated_at", rfc3339(output.sourceUpdatedAt)),
    header("rollout_path", output.rolloutPath),
    header("cwd", output.cwd),
    output.gitBranch ? header("git_branch", output.gitBranch) : "",
    "\n",
    output.rolloutSummary,
    "\n",
  ].join("");
}

/**
 * `raw_memories.md` (original, section 4.3), piece by piece so that a large one never blocks. A note is no session: its
 * text is in its own file alone. `inputs` come in the order of the selection, latest first, or by thread id in a Codex home; `names` from `summaryNames`.
 */
export function* rawMemories(
  inputs: readonly Stage1Output[],
  names: ReadonlyMap<string, string>,
): Generator<string> {
  const outputs = inputs.filter((input) => !isNote(input) || trimmed(input.rawMemory) !== "");
  yield "# Raw Memories\n\n";
  if (outputs.length === 0) {
    yield "No raw memories yet.\n";
    return;
  }
  const order = isLatestFirst(outputs) ? "latest first" : "stable ascending thread-id order";
  yield `Merged stage-1 raw memories (${order}):\n\n`;
  for (const output of outputs) {
    yield [
      `## Thread \`${headerText(output.threadId)}\`\n`,
      header("updated_at", rfc3339(output.sourceUpdatedAt)),
      header("cwd", output.cwd),
      header("rollout_path", output.rolloutPath),
      header("rollout_summary_file", names.get(output.threadId) ?? ""),
      "\n",
      trimmed(output.rawMemory),
      "\n\n",
    ].join("");
  }
}

function isLatestFirst(outputs: readonly Stage1Output[]): boolean {
  return outputs.every((output, at) => at === 0 || latestFirst(outputs[at - 1] as Stage1Output, output) <= 0);
}
