import { headerText } from "../text/sanitize.ts";

/**
 * One `name: value` line. Import refuses line breaks in these values; a host that writes rows by other ways
 * still can't add a header with one.
 */
export function header(name: string, value: string): string {
  return `${name}: ${headerText(value)}\n`;
}
