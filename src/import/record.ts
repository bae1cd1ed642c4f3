import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { SlowwaveError } from "../domain/failure.ts";
import { isBlank, isStoredTime, type Stage1Output } from "../domain/memory.ts";

/** Why a record is not taken. Codes are stable: scripts compare them. */
export type RecordCode =
  | "not_an_object"
  | "missing_field"
  | "wrong_type"
  | "empty_field"
  | "field_too_long"
  | "unsafe_thread_id"
  | "line_break"
  | "control_character"
  | "invalid_unicode"
  | "nul"
  | "invalid_time"
  | "time_out_of_range"
  | "text_too_large"
  | "texts_blank";

export interface RefusedRecord {
  readonly code: RecordCode;
  /** A sentence that names the field and never quotes its value, which may be a secret. */
  readonly message: string;
}

/** How a door spells the fields: `thread_id` in JSONL and in the table, `threadId` in the library. */
export type Spelling = "snake" | "camel";

/**
 * The one door under every way in (contract, section 2): the import of JSONL, `store.memories.upsert` of every store, and
 * rows that another program wrote. Checks shape, lengths (in code points), times and characters. Texts are as they came:
 * `cleanRecord` normalises and redacts them. `namedAs`: how messages spell the fields, where that differs.
 */
export function judgeRecord(
  value: unknown,
  spelling: Spelling,
  namedAs: Spelling = spelling,
): { readonly record: Stage1Output } | RefusedRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { code: "not_an_object", message: "The record is not an object with fields." };
  }
  const parsed = recordSchema.safeParse(fieldsOf(value, spelling));
  return parsed.success
    ? { record: recordFrom(parsed.data) }
    : refusalOf(parsed.error.issues[0], value, { spelling, namedAs });
}

/**
 * A text as it is kept: CR LF becomes LF, and every control character but tab and newline becomes U+FFFD, so
 * that no memory can speak to a terminal. Half characters become U+FFFD too, since UTF-8 cannot hold them.
 * All else stays verbatim.
 */
export function normaliseText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[^\P{Cc}\t\n]/gu, "\u{fffd}")
    .toWellFormed();
}

/** The record with both texts normalised and freed of secrets, and how many were replaced. Doing it again changes nothing. */
export async function cleanRecord(
  record: Stage1Output,
): Promise<{ readonly record: Stage1Output; readonly redacted: number }> {
  // The rules for secrets take a fifth of a second to load: commands that take nothing in do without.
  const { redact } = await import("../text/redact.ts");
  const rawMemory = redact(normaliseText(record.rawMemory));
  const rolloutSummary = redact(normaliseText(record.rolloutSummary));
  return {
    record: { ...record, rawMemory: rawMemory.text, rolloutSummary: rolloutSummary.text },
    redacted: rawMemory.count + rolloutSummary.count,
  };
}

const FIELDS = {
  thread_id: "threadId",
  source_updated_at: "sourceUpdatedAt",
  raw_memory: "rawMemory",
  rollout_summary: "rolloutSummary",
  generated_at: "generatedAt",
  rollout_slug: "rolloutSlug",
  git_branch: "gitBranch",
  rollout_path: "rolloutPath",
  cwd: "cwd",
} as const;

/** The fields we know, by our names. What only a prototype has is no field; each value is read once. */
function fieldsOf(value: object, spelling: Spelling): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [snake, camel] of Object.entries(FIELDS)) {
    const name = spelling === "snake" ? snake : camel;
    if (Object.hasOwn(value, name)) fields[camel] = (value as Record<string, unknown>)[name];
  }
  return fields;
}

const recordSchema = z
  .object({
    threadId: z.string().check(threadId),
    sourceUpdatedAt: z.unknown().transform(moment),
    rawMemory: z.string().check(body),
    rolloutSummary: z.string().check(body),
    generatedAt: z.unknown().transform(moment).optional(),
    rolloutSlug: z.string().check(oneLine).nullish(),
    gitBranch: z.string().check(oneLine).nullish(),
    rolloutPath: z.string().check(oneLine).optional(),
    cwd: z.string().check(oneLine).optional(),
  })
  .check(({ value, issues }) => {
    if (isBlank(value)) issues.push(issue(value, "texts_blank", "has two blank texts"));
  });

function recordFrom(fields: z.infer<typeof recordSchema>): Stage1Output {
  return {
    threadId: fields.threadId,
    sourceUpdatedAt: fields.sourceUpdatedAt,
    rawMemory: fields.rawMemory,
    rolloutSummary: fields.rolloutSummary,
    generatedAt: fields.generatedAt ?? fields.sourceUpdatedAt,
    rolloutSlug: fields.rolloutSlug ?? null,
    rolloutPath: fields.rolloutPath ?? "",
    cwd: fields.cwd ?? "",
    gitBranch: fields.gitBranch ?? null,
  };
}

const MAX_THREAD_ID = 200;
/** 1 MiB of UTF-8, as it stands in the input. */
const MAX_TEXT_BYTES = 1024 * 1024;

type Context = z.core.ParsePayload<string>;

function threadId({ value, issues }: Context): void {
  if (value === "") issues.push(issue(value, "empty_field", "is empty"));
  // Code points, as a person counts.
  else if (value.length > MAX_THREAD_ID && [...value].length > MAX_THREAD_ID) {
    issues.push(issue(value, "field_too_long", `is longer than ${MAX_THREAD_ID} characters`));
  } else if (/[/\\]|^\./.test(value)) {
    issues.push(issue(value, "unsafe_thread_id", "must not contain / or \\, nor begin with a dot"));
  } else oneLine({ value, issues });
}

/** These end up in header lines of the memory: a line break would forge one. */
function oneLine({ value, issues }: Context): void {
  if (/[\n\v\f\r\u0085\u2028\u2029]/.test(value)) {
    issues.push(issue(value, "line_break", "must be one line"));
  } else if (/\p{Cc}/u.test(value)) {
    issues.push(issue(value, "control_character", "must not contain control characters"));
  } else if (!value.isWellFormed()) {
    issues.push(issue(value, "invalid_unicode", "contains half a character (a lone surrogate)"));
  }
}

function body({ value, issues }: Context): void {
  if (value.includes("\0")) issues.push(issue(value, "nul", "contains a NUL character"));
  else if (Buffer.byteLength(value) > MAX_TEXT_BYTES) {
    issues.push(issue(value, "text_too_large", "is larger than 1 MiB"));
  }
}

const TIME_FAULTS = {
  wrong_type: "must be RFC 3339 text or whole Unix seconds",
  invalid_time: "is not an RFC 3339 time such as 2026-09-02T10:41:18Z",
  time_out_of_range: "lies outside 1970 to 9999; are these milliseconds? Seconds are wanted",
} as const;

function moment(value: unknown, { issues }: { issues: z.core.$ZodRawIssue[] }): number {
  const instant = value === undefined ? ({ fault: "missing_field" } as const) : instantOf(value);
  if ("seconds" in instant) return instant.seconds;
  const { fault } = instant;
  issues.push(issue(value, fault, fault === "missing_field" ? "is missing" : TIME_FAULTS[fault]));
  return z.NEVER;
}

function issue(input: unknown, code: RecordCode, message: string): z.core.$ZodRawIssue {
  return { code: "custom", input, message, params: { code } };
}

/** The first issue, in the order of the contract's table. */
function refusalOf(
  found: z.core.$ZodIssue | undefined,
  given: object,
  { spelling, namedAs }: { readonly spelling: Spelling; readonly namedAs: Spelling },
): RefusedRecord {
  const field = String(found?.path[0] ?? "");
  const name = (camel: string, as = namedAs) =>
    as === "camel" ? camel : (Object.entries(FIELDS).find(([, other]) => other === camel)?.[0] ?? camel);
  if (field === "") {
    const [raw, summary] = [name("rawMemory"), name("rolloutSummary")];
    const message = `The record has two blank texts; ${raw} or ${summary} must say something.`;
    return { code: "texts_blank", message };
  }
  if (found?.code === "custom" && found.params?.code !== "missing_field") {
    return { code: found.params?.code as RecordCode, message: `${name(field)} ${found.message}.` };
  }
  const key = name(field, spelling);
  if (!Object.hasOwn(given, key) || (given as Record<string, unknown>)[key] === undefined) {
    const isOtherSpelling = spelling === "camel" && "thread_id" in given;
    const hint = isOtherSpelling ? "; the library's fields are in camelCase, those of JSONL are not" : "";
    return { code: "missing_field", message: `${name(field)} is missing${hint}.` };
  }
  const orNull = field === "rolloutSlug" || field === "gitBranch" ? " or null" : "";
  return { code: "wrong_type", message: `${name(field)} must be a string${orNull}.` };
}

/** Records that went through the door in this process, which need not go through it twice. They are frozen. */
const ACCEPTED = new WeakSet<object>();

/** After so many characters of text, others get their turn on the event loop. */
const YIELD_LENGTH = 1 << 18;

export interface AcceptedRecords {
  readonly records: readonly Stage1Output[];
  /** Secrets that were replaced. */
  readonly redacted: number;
}

/**
 * All the records, ready to be stored; or, when one of them is wrong, a rejection with its `RecordCode` and a sentence
 * that names the record and the field.
 */
export async function acceptRecords(inputs: unknown): Promise<AcceptedRecords> {
  if (!Array.isArray(inputs)) {
    throw new SlowwaveError("wrong_type", "memories.upsert takes a list of records; nothing was stored.");
  }
  const judged = inputs.map((input: unknown, at) => {
    if (typeof input === "object" && input !== null && ACCEPTED.has(input)) return input as Stage1Output;
    const verdict = judgeRecord(input, "camel");
    if ("record" in verdict) return verdict.record;
    const message = `Record ${at + 1} of ${inputs.length} cannot be taken, so nothing was stored: ${verdict.message}`;
    throw new SlowwaveError(verdict.code, message);
  });
  return cleanRecords(judged);
}

/** The same for records that were judged one by one. */
export async function cleanRecords(judged: readonly Stage1Output[]): Promise<AcceptedRecords> {
  const records: Stage1Output[] = [];
  let redacted = 0;
  let length = 0;
  for (const record of judged) {
    if (ACCEPTED.has(record)) {
      records.push(record);
      continue;
    }
    const cleaned = await cleanRecord(record);
    redacted += cleaned.redacted;
    ACCEPTED.add(Object.freeze(cleaned.record));
    records.push(cleaned.record);
    length += record.rawMemory.length + record.rolloutSummary.length;
    if (length < YIELD_LENGTH) continue;
    length = 0;
    await nextTurn();
  }
  return { records, redacted };
}

/** Either a moment in whole Unix seconds, or what is wrong with it. */
export type Instant =
  | { readonly seconds: number }
  | { readonly fault: "wrong_type" | "invalid_time" | "time_out_of_range" };

/**
 * By hand, since zod's `iso.datetime` and `Temporal` refuse what RFC 3339 allows and other programs write: a space for
 * the T, small letters, a leap second.
 */
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** A moment as RFC 3339 text, with any offset, or as integer Unix seconds. Fractions of a second are dropped. */
export function instantOf(value: unknown): Instant {
  if (typeof value === "number") {
    return Number.isInteger(value) ? inRange(value) : { fault: "wrong_type" };
  }
  if (typeof value !== "string") return { fault: "wrong_type" };
  const found = RFC_3339.exec(value);
  if (found === null) return { fault: "invalid_time" };
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHours = Number(found[8] ?? 0);
  const offsetMinutes = Number(found[9] ?? 0);
  const isReal =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    // A leap second is a real time; it counts as the second after it.
    second <= 60 &&
    offsetHours <= 23 &&
    offsetMinutes <= 59;
  if (!isReal) return { fault: "invalid_time" };
  const sign = found[7] === "-" ? -1 : 1;
  const local = utcSeconds(year, month, day) + hour * 3600 + minute * 60 + second;
  return inRange(local - sign * (offsetHours * 3600 + offsetMinutes * 60));
}

function inRange(seconds: number): Instant {
  return isStoredTime(seconds) ? { seconds } : { fault: "time_out_of_range" };
}

function daysIn(year: number, month: number): number {
  return new Date(utcSeconds(year, month + 1, 0) * 1000).getUTCDate();
}

/** `Date.UTC` alone would read the years 0-99 as 1900-1999. */
function utcSeconds(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 1000;
}
