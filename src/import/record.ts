import { z } from "zod";
import type { Stage1Input } from "../domain/memory.ts";
import { isBlank } from "../domain/memory.ts";
import { instantOf } from "./instant.ts";
import type { Rejection, RejectionCode } from "./rejection.ts";

/** 1 MiB of UTF-8, as it stands in the input. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_THREAD_ID = 200;

type Fault = readonly [code: RejectionCode, message: string];

/** One input line as a stage-1 output, texts still as they came, or the first thing that is wrong with it. */
export function recordOf(line: number, text: string): { readonly input: Stage1Input } | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a secret; the place is enough.
    return {
      line,
      code: "invalid_json",
      message: "The line is not valid JSON; each line is one JSON object.",
    };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { line, code: "not_an_object", message: "The line is JSON, but not an object." };
  }
  const parsed = recordSchema.safeParse(value);
  if (parsed.success) return { input: inputOf(parsed.data) };
  const [code, message] = faultOf(parsed.error.issues[0], value);
  return { line, code, message };
}

const recordSchema = z
  .object({
    thread_id: z.string().check(threadId),
    source_updated_at: z.unknown().transform(moment),
    raw_memory: z.string().check(body),
    rollout_summary: z.string().check(body),
    generated_at: z.unknown().transform(moment).optional(),
    rollout_slug: z.string().check(oneLine).nullish(),
    git_branch: z.string().check(oneLine).nullish(),
    rollout_path: z.string().check(oneLine).optional(),
    cwd: z.string().check(oneLine).optional(),
  })
  .check(({ value, issues }) => {
    if (!isBlank({ rawMemory: value.raw_memory, rolloutSummary: value.rollout_summary })) return;
    issues.push(
      issue(value, "texts_blank", "has two blank texts; raw_memory or rollout_summary must say something"),
    );
  });

function inputOf(record: z.infer<typeof recordSchema>): Stage1Input {
  return {
    threadId: record.thread_id,
    sourceUpdatedAt: record.source_updated_at,
    rawMemory: record.raw_memory,
    rolloutSummary: record.rollout_summary,
    generatedAt: record.generated_at ?? record.source_updated_at,
    rolloutSlug: record.rollout_slug ?? null,
    gitBranch: record.git_branch ?? null,
    rolloutPath: record.rollout_path ?? "",
    cwd: record.cwd ?? "",
  };
}

type Context = z.core.ParsePayload<string>;

function threadId({ value, issues }: Context): void {
  if (value === "") issues.push(issue(value, "empty_field", "is empty"));
  // Code points, as a person counts.
  else if ([...value].length > MAX_THREAD_ID) {
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

function issue(input: unknown, fault: RejectionCode, message: string): z.core.$ZodRawIssue {
  return { code: "custom", input, message, params: { fault } };
}

/** The first issue, in the order of the contract's table. Field names are ours; values are never quoted. */
function faultOf(found: z.core.$ZodIssue | undefined, record: object): Fault {
  const field = String(found?.path[0] ?? "");
  const subject = field === "" ? "The record" : field;
  if (found?.code === "custom") {
    return [found.params?.fault as RejectionCode, `${subject} ${found.message}.`];
  }
  const isMissing = !(field in record);
  return isMissing
    ? ["missing_field", `${subject} is missing.`]
    : ["wrong_type", `${subject} must be a string${NULLABLE.has(field) ? " or null" : ""}.`];
}

const NULLABLE = new Set(["rollout_slug", "git_branch"]);
