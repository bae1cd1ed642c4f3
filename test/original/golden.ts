import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

const FOLDER = join(import.meta.dirname, "golden");

/** True while `UPDATE_GOLDEN=1` rewrites what is on file; look at the difference before committing it. */
const isUpdating = process.env.UPDATE_GOLDEN === "1";

/** Compares a text with the one on file. */
export function expectGolden(name: string, text: string): void {
  const file = join(FOLDER, `${name}.txt`);
  if (isUpdating) writeFileSync(file, text);
  expect(text).toBe(existsSync(file) ? readFileSync(file, "utf8") : `(there is no ${name}.txt)`);
}

export function goldenNames(): readonly string[] {
  return readdirSync(FOLDER)
    .map((name) => name.replace(/\.txt$/, ""))
    .sort();
}
