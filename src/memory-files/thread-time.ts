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
