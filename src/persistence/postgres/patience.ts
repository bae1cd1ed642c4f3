import { setTimeout } from "node:timers";
import { codeOf, SlowwaveError } from "../../domain/failure.ts";
import type { StoreCode } from "../errors.ts";

type DatabaseCode =
  | "store_outdated"
  | Extract<
      StoreCode,
      | "store_busy"
      | "store_full"
      | "store_closed"
      | "store_rejected"
      | "store_read_only"
      | "store_foreign"
      | "store_newer"
      | "store_unavailable"
    >;

const UNAVAILABLE = "state db unavailable";

const SENTENCES: Record<DatabaseCode, (place: string) => string> = {
  store_busy: (place) =>
    `The database ${place} had no time or no connection for this; try again, or raise its limits (max_connections, the pooler's size).`,
  store_full: (place) =>
    `No space is left for the database ${place}; free some and try again. Nothing was changed.`,
  store_closed: () => "The store was closed while it was still in use; open it again.",
  store_rejected: (place) =>
    `The database ${place} refused a write that names something it does not hold, or holds already.`,
  store_read_only: (place) =>
    `${UNAVAILABLE}: ${place} takes no writes from this role or server; give the role its rights, or name the primary server.`,
  store_foreign: (place) =>
    `${UNAVAILABLE}: the schema in ${place} belongs to another program and was left untouched; choose another schema or database.`,
  store_newer: (place) =>
    `${UNAVAILABLE}: ${place} was written by a Slowwave more than one version newer; update this one.`,
  store_outdated: (place) =>
    `${UNAVAILABLE}: the schema in ${place} is of an older Slowwave; run \`slowwave migrate --store URL\`, or open with migrate: "auto".`,
  store_unavailable: (place) =>
    `${UNAVAILABLE}: ${place} cannot be reached or read; see the cause, and check the address, the role and the server.`,
};

/** `place` names server and database, never a password. */
export function databaseError(code: DatabaseCode, place: string, cause?: unknown): SlowwaveError {
  return new SlowwaveError(
    code,
    SENTENCES[code](place),
    cause === undefined ? undefined : { cause: plainCause(cause) },
  );
}

/** What the driver said, without what it carries: a refused row would show the text of a memory. */
function plainCause(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const { code } = cause as { code?: unknown };
  const plain = new Error(typeof code === "string" ? `${cause.message} (${code})` : cause.message);
  return code === undefined ? plain : Object.assign(plain, { code });
}

/** `isPassing`: nothing is wrong with what was asked; it is asked again. */
interface Verdict {
  readonly code: DatabaseCode;
  readonly isPassing: boolean;
}

/** SQLSTATEs, the longest match first, and what they mean to a person. */
const STATES: readonly (readonly [string, DatabaseCode, "passing" | "lasting"])[] = [
  // The statement took longer than statement_timeout, or an administrator cancelled it.
  ["57014", "store_busy", "passing"],
  ["57P", "store_unavailable", "passing"],
  ["53100", "store_full", "passing"],
  ["53", "store_busy", "passing"],
  ["40", "store_busy", "passing"],
  ["55P03", "store_busy", "passing"],
  ["25P03", "store_busy", "passing"],
  // A prepared statement that the session lacks, or whose tables a migration changed: prepared anew on another one.
  ["26000", "store_unavailable", "passing"],
  ["0A000", "store_unavailable", "passing"],
  // A pooler that lets nobody wait any longer says so in this class, too.
  ["08P01", "store_busy", "passing"],
  ["08", "store_unavailable", "passing"],
  // A standby, or a primary that was just told to be one.
  ["25006", "store_read_only", "passing"],
  ["42501", "store_read_only", "lasting"],
  ["22", "store_rejected", "lasting"],
  ["23", "store_rejected", "lasting"],
];

/** The system's codes for a connection that could not be made, or broke. */
const CUT =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EAI_AGAIN|ENOTFOUND|ENOENT)$/;

/** The driver's own words; they have no code. */
const WAITED = /timeout exceeded when trying to connect|timeout expired/i;
const BROKEN =
  /connection terminated|connection error|query read timeout|client was closed|not queryable|socket/i;

export function judgeError(error: unknown): Verdict {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : "";
  if (typeof code === "string") {
    const state = STATES.find(([prefix]) => code.startsWith(prefix));
    if (state !== undefined && /^[0-9A-Z]{5}$/.test(code)) {
      return { code: state[1], isPassing: state[2] === "passing" };
    }
    if (CUT.test(code)) return { code: "store_unavailable", isPassing: true };
  }
  if (WAITED.test(text)) return { code: "store_busy", isPassing: true };
  if (BROKEN.test(text)) return { code: "store_unavailable", isPassing: true };
  return { code: "store_unavailable", isPassing: false };
}

/** Whether the driver's connection is of no further use: whatever the server said, it may not be in step with it. */
export function isCut(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P|26000|0A000)/.test(code);
}

/**
 * How long to wait before the next try: short at first, then up to half a second, spread by process and try so that the
 * fifty workers that a restart cut off don't come back at the same moment. Milliseconds.
 */
function delayMs(attempt: number): number {
  const half = Math.min(2 ** (attempt + 3), 250);
  return half + ((Math.imul(process.pid + attempt, 0x9e3779b1) >>> 0) % half);
}

/**
 * Repeats `work` as long as what went wrong passes by itself: a cut connection, a restart, a full pool, a deadlock. After
 * `patienceMs` it rejects with `store_busy`, `store_full` or `store_unavailable`. `work` is told how often it was tried,
 * since its last try may have been committed before the answer was lost.
 */
export async function patiently<T>(
  work: (attempt: number) => Promise<T>,
  { place, patienceMs }: { readonly place: string; readonly patienceMs: number },
): Promise<T> {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work(attempt);
      } catch (error) {
        if (error instanceof SlowwaveError && codeOf(error) !== null) throw error;
        const { code, isPassing } = judgeError(error);
        if (!isPassing || isOver || patienceMs <= 0) throw databaseError(code, place, error);
        // Patience begins with the first failure: the deed itself may take its time.
        timer ??= setTimeout(() => {
          isOver = true;
        }, patienceMs);
        const delay = delayMs(attempt);
        await new Promise<void>((resolve) => setTimeout(resolve, delay));
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
