import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** A small private file, whole or not at all, and on the disk when it returns. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
