import type { ProcessEnd } from "../process/supervised-process.ts";
import { plainText } from "../text/sanitize.ts";

/** What became of a process that was to live on, as the rest of a sentence, with the last of its stderr. */
export function howItEnded({ left, overflow, code, signal, stderr }: ProcessEnd): string {
  if (left !== null) return `is not gone: ${left.message}`;
  if (overflow !== null) return `was ended: ${overflow}`;
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  const said = plainText(stderr.trim().slice(-400), 400).replace(/\s+/g, " ");
  return said === "" ? how : `${how}: ${said}`;
}
