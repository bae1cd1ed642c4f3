import { uuidDigits } from "./thread-time.ts";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LENGTH = 4;

/**
 * Four base-62 digits of a thread id (original, section 4.1): of the lowest 32 bits of a UUID, of a rolling
 * hash over the UTF-8 bytes of anything else. Two threads may share one: see `summaryNames`.
 */
export function shortHash(threadId: string): string {
  const digits = uuidDigits(threadId);
  let rest = digits === null ? rolling(threadId) : Number.parseInt(digits.slice(-8), 16);
  rest %= ALPHABET.length ** LENGTH;
  let text = "";
  for (let place = 0; place < LENGTH; place += 1) {
    text = ALPHABET.charAt(rest % ALPHABET.length) + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

function rolling(text: string): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 31) + byte) >>> 0;
  return hash;
}
