import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A folder for temporary files that every user may reach, as the one of this process need not be. */
export function reachableByAll(): string {
  const found = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"].filter(existsSync).find(isReachable);
  if (found === undefined) throw new Error("no folder for temporary files is open to every user");
  return found;
}

function isReachable(path: string): boolean {
  if ((statSync(path).mode & 0o001) === 0) return false;
  return dirname(path) === path || isReachable(dirname(path));
}

/** A folder of its own for each test; call it once in a `describe` or a file. */
export function freshFolder(parent = tmpdir()): { readonly path: string; file(name: string): string } {
  let path = "";
  beforeEach(async () => {
    path = await mkdtemp(join(parent, "slowwave-persistence-"));
  });
  afterEach(() => rm(path, { recursive: true }));
  return {
    get path() {
      return path;
    },
    file: (name) => join(path, name),
  };
}
