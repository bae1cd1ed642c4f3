import { createHash } from "node:crypto";
import { join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";

/** The default memory root of a space: `<home>/memories` for `global`, `<home>/spaces/<key>/memories` for the rest. */
export function defaultRoot(home: string, space: string): string {
  return space === "global" ? join(home, "memories") : join(home, "spaces", spaceFolder(space), "memories");
}

/**
 * One folder name per key: no key can leave the folder, and no two keys are one name, also where case or
 * Unicode forms don't count. Lower-case letters, digits, `-`, `_` and inner dots stay; every other byte of the UTF-8
 * form becomes `%xx`. Long keys keep their beginning and end in a hash.
 */
export function spaceFolder(space: string): string {
  if (space === "" || !space.isWellFormed()) {
    throw new SlowwaveError("space_invalid", "A space key must be a text that is not empty.");
  }
  const encoded = [...Buffer.from(space)].map(encodedByte).join("");
  if (encoded.length <= NAME_LIMIT) return encoded;
  return `${encoded.slice(0, 60)}~${createHash("sha256").update(space).digest("hex").slice(0, 40)}`;
}

const NAME_LIMIT = 120;

function encodedByte(byte: number, at: number, bytes: readonly number[]): string {
  const text = String.fromCharCode(byte);
  const plain = /[a-z0-9_-]/.test(text) || (text === "." && at > 0 && at < bytes.length - 1);
  return plain ? text : `%${byte.toString(16).padStart(2, "0")}`;
}
