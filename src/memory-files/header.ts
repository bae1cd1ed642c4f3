/**
 * One `name: value` line. Import refuses line breaks in these values; a host that writes rows by other ways
 * still can't add a header with one.
 */
export function header(name: string, value: string): string {
  return `${name}: ${oneLine(value)}\n`;
}

export function oneLine(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\ufffd");
}
