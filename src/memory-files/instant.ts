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
