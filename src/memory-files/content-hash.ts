import { hash, webcrypto } from "node:crypto";

const LARGE = 256 * 1024;

/** SHA-256 in lower-case hex: what a file is called wherever its content is meant. Large contents are hashed off the main thread. */
export async function contentHash(content: Uint8Array): Promise<string> {
  if (content.length < LARGE) return hash("sha256", content, "hex");
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>)).toString(
    "hex",
  );
}
