import { statSync } from "node:fs";
import { tmpdir } from "node:os";

/** Usually one of them is held in memory, and one lies on a disk. */
const PLACES = ["/dev/shm", "/tmp", "/var/tmp"];

/** A folder for temporary files on another file system than the usual one; null where there is none. */
export function otherFileSystem(): string | null {
  const { dev } = statSync(tmpdir());
  const isOther = (place: string) => {
    const there = statSync(place, { throwIfNoEntry: false });
    return there !== undefined && there.dev !== dev;
  };
  return PLACES.find(isOther) ?? null;
}
