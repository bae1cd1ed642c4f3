import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A folder of its own for each test; call it once in a `describe` or a file. */
export function freshFolder(): { readonly path: string; file(name: string): string } {
  let path = "";
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), "slowwave-persistence-"));
  });
  afterEach(() => rm(path, { recursive: true }));
  return {
    get path() {
      return path;
    },
    file: (name) => join(path, name),
  };
}
