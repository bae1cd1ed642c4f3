import type { FailedStatus } from "./status.ts";

/**
 * Why something went wrong, as data: it is persisted, so it is plain JSON.
 * `message` is for the person and says what to do; `cause` is the underlying error, shortened.
 */
export interface Reason {
  readonly code: FailedStatus;
  readonly message: string;
  readonly cause: string | null;
}

/**
 * An error whose `code` is part of the product: the CLI prints it, `--json` carries it, tests compare it.
 * `ERROR_CODES` lists those in use outside a run (`src/domain/codes.ts`).
 */
export class SlowwaveError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SlowwaveError";
    this.code = code;
  }
}

/** The code of an error of ours, or null for a stranger. */
export function codeOf(error: unknown): string | null {
  if (error instanceof SlowwaveError) return error.code;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : null;
}

const CAUSE_LIMIT = 500;

/** One bounded line for `Reason.cause`: the error and, when there is one, the error behind it. */
export function causeOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 3; ) {
    parts.push(textOf(at));
    // Stored errors are plain objects of the same shape.
    at = typeof at === "object" ? (at as { cause?: unknown }).cause : undefined;
  }
  const line = parts
    .filter((part) => part !== "")
    // A sentence that goes on has no full stop.
    .map((part, at, all) => (at < all.length - 1 ? part.replace(/\.$/, "") : part))
    .join(": ")
    // Control characters would reach a terminal; line breaks would break one-line logs.
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length > CAUSE_LIMIT ? `${line.slice(0, CAUSE_LIMIT - 1)}…` : line;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const message = (value as { message?: unknown }).message;
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
