import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../process/process-record.ts";

/**
 * `<scratch>/attempt`: the key of the newest start that was begun in this workspace, written before it. The
 * workspace is laid anew before each further attempt, so only the same key means that an agent may have worked
 * in it already. On the disk when it returns: after a power failure a half-worked workspace must be known.
 */
export function beginAttempt(scratch: string, key: string): Promise<void> {
  return writeWhole(join(scratch, "attempt"), key);
}

/** Null when none was begun. */
export async function beganAttempt(scratch: string): Promise<string | null> {
  try {
    return await readFile(join(scratch, "attempt"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
