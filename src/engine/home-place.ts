import { lstat, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";

/** Where a home lay when it was last used: its id alone stays the same in every copy. */
interface Place {
  readonly host: string;
  readonly path: string;
  /** The file that holds the id; a copy has another. */
  readonly device: string;
  readonly inode: string;
}

/** Where a home was copied from, as far as is known. */
export interface CopiedHome {
  readonly path: string;
  /** Null: this machine. */
  readonly host: string | null;
}

const PLACE = "home-place.json";
const ID = "home-id";

/**
 * Whether this home is a copy of one that is still there, or that lay on another machine; null when it is none. What was
 * moved, restored in its place, or is new is written down as it is now.
 */
export async function findHomeCopy(folder: string): Promise<CopiedHome | null> {
  const here = await placeNow(folder);
  const known = await placeKnown(folder);
  if (here === null) return null;
  if (known === null || known.inode === here.inode || isSamePlace(known, here)) {
    if (JSON.stringify(known) !== JSON.stringify(here)) await write(folder, here);
    return null;
  }
  if (known.host !== here.host) return { path: known.path, host: known.host };
  // The original is where it was: both live. Else it was moved to another disk.
  const there = await placeNow(known.path);
  if (there?.inode === known.inode) return { path: known.path, host: null };
  await write(folder, here);
  return null;
}

/** From now on this folder is the home, whatever it was copied from. */
export async function adoptHome(folder: string): Promise<void> {
  const here = await placeNow(folder);
  if (here !== null) await write(folder, here);
}

/** One sentence for a person. */
export function homeCopyMessage({ path, host }: CopiedHome): string {
  const from = host === null ? path : `${path} on ${host}`;
  return `This home is a copy of ${from}. Both would publish as one home: if they share a memory folder, each takes the other's memory for a past of its own. Give this one a folder of its own (--memory-root); if the other is no longer used, \`slowwave doctor --adopt-home\` makes this one the home.`;
}

function isSamePlace(a: Place, b: Place): boolean {
  return a.host === b.host && a.path === b.path;
}

async function placeNow(folder: string): Promise<Place | null> {
  const facts = await lstat(join(folder, ID), { bigint: true }).catch(() => null);
  if (facts === null) return null;
  return { host: hostname(), path: resolve(folder), device: `${facts.dev}`, inode: `${facts.ino}` };
}

async function placeKnown(folder: string): Promise<Place | null> {
  const text = await readFile(join(folder, PLACE), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const { host, path, device, inode } = JSON.parse(text) as Record<keyof Place, unknown>;
    const place = { host, path, device, inode };
    return Object.values(place).every((value) => typeof value === "string") ? (place as Place) : null;
  } catch {
    return null;
  }
}

/** Where it can't be written down, the next start compares again. */
async function write(folder: string, place: Place): Promise<void> {
  const draft = join(folder, `${PLACE}.${process.pid}`);
  await writeFile(draft, `${JSON.stringify(place)}\n`, { mode: 0o600 })
    .then(() => rename(draft, join(folder, PLACE)))
    .catch(() => {});
}
