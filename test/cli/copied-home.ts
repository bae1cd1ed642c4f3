import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { temporaryFolder } from "./invoke.ts";

/** A machine that is busy with other work takes its time. */
const PATIENCE_MS = 60_000;

/** Makes a folder with a home once for the tests of a file; each call copies it for one test. */
export function copiedHome(make: (folder: string) => Promise<unknown>): () => string {
  let first = "";
  beforeAll(async () => {
    first = mkdtempSync(join(tmpdir(), "slowwave-first-"));
    await make(first);
  }, PATIENCE_MS);
  afterAll(() => rmSync(first, { recursive: true, force: true }));
  return () => {
    // What a command is led to above it goes with the test, too.
    const folder = join(temporaryFolder(), "inner");
    cpSync(first, folder, {
      recursive: true,
      verbatimSymlinks: true,
      // For the test the copy is the home.
      filter: (path) => !path.endsWith("home-place.json"),
    });
    return folder;
  };
}
