import { isStoredTime } from "../domain/memory.ts";

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
