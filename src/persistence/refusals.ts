import { createHash, createHmac } from "node:crypto";

/** Where a thread is refused in every space. */
export const EVERY_SPACE = "";

/** The space is hashed with the id, so that two spaces' rows do not show that they speak of one thread. */
export function refusalHash(key: Uint8Array, space: string, threadId: string): Buffer {
  return createHmac("sha256", key).update(`${space}\0${threadId}`).digest();
}

/** What a text is known by where texts are kept once. */
export function hashOfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
