import type { Clock } from "../domain/clock.ts";
import type { Files } from "../files/folder.ts";
import { measureTree, type TreeSize } from "../files/tree.ts";
import { roomHome } from "../sandbox/sandbox.ts";

/** A folder that an agent may write in, and what may be added to it. */
export interface GrowingFolder {
  readonly path: string;
  /** As sentences call it: "its workspace". */
  readonly title: string;
  /** Size from which growth counts; null = at the first look. */
  readonly start: TreeSize | null;
  /** Null = any number of bytes. */
  readonly maxBytes: number | null;
  readonly maxFiles: number;
  /** Name of the setting behind `maxBytes`, if there is one. */
  readonly setting?: string;
}

export interface GrowthOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly folders: readonly GrowingFolder[];
  /** Called once, with a sentence that names the amounts. */
  onGrown(why: string): void;
}

const LOOK_MS = 5_000;
/** Nobody reads more files of a memory than these; who adds more is filling the disk. */
const MAX_NEW_FILES = 20_000;
/** Native agents unpack themselves in their private home, and keep caches there. */
const MAX_HOME: TreeSize = { bytes: 1024 ** 3, files: 200_000 };

/** The folders of one run that its agent can write in: the workspace, and beside it a home and temporary files. */
export function growingFolders(
  places: { readonly workspace: string; readonly scratch: string },
  { start, maxBytes }: { readonly start: TreeSize | null; readonly maxBytes: number | null },
): readonly GrowingFolder[] {
  const beside = { start: { bytes: 0, files: 0 }, maxBytes: MAX_HOME.bytes, maxFiles: MAX_HOME.files };
  return [
    {
      path: places.workspace,
      title: "its workspace",
      start,
      maxBytes,
      maxFiles: MAX_NEW_FILES,
      setting: "maxOutputBytes",
    },
    { path: roomHome(places.scratch), title: "its private home", ...beside },
    { path: `${places.scratch}/tmp`, title: "its temporary folder", ...beside },
  ];
}

/**
 * Looks every few seconds how much was added to folders: an agent must not fill the disk before the gate sees what it
 * wrote. A folder that can't be looked at just then is looked at the next time.
 */
export function growthWatch({ clock, files, folders, onGrown }: GrowthOptions): { stop(): void } {
  const starts = new Map(folders.map(({ path, start }) => [path, start]));
  let isStopped = false;
  let timer: unknown = null;

  async function look(): Promise<void> {
    for (const folder of folders) {
      const start = starts.get(folder.path) ?? null;
      const size = await sizeOf(files, folder, start).catch(() => null);
      if (isStopped) return;
      if (size === null) continue;
      const why = start === null ? null : grownPast(folder, start, size);
      if (why !== null) return onGrown(why);
      if (start === null) starts.set(folder.path, size);
    }
    timer = clock.setTimeout(() => void look(), LOOK_MS);
  }

  void look();
  return {
    stop() {
      isStopped = true;
      if (timer !== null) clock.clearTimeout(timer);
      timer = null;
    },
  };
}

/** Looks no further than to what is too much. */
async function sizeOf(
  files: Files,
  { path, maxBytes, maxFiles }: GrowingFolder,
  start: TreeSize | null,
): Promise<TreeSize> {
  const enough =
    start === null
      ? {}
      : { enough: { bytes: start.bytes + (maxBytes ?? Infinity), files: start.files + maxFiles } };
  const folder = await files.open(path);
  try {
    return await measureTree(folder, enough);
  } finally {
    await folder.close();
  }
}

function grownPast(folder: GrowingFolder, start: TreeSize, size: TreeSize): string | null {
  const { title, maxBytes, maxFiles, setting } = folder;
  const [bytes, files] = [size.bytes - start.bytes, size.files - start.files];
  const named = setting === undefined ? "" : ` (${setting})`;
  if (maxBytes !== null && bytes > maxBytes) return `${added(bytes, "bytes", title, maxBytes)}${named}`;
  return files > maxFiles ? added(files, "files", title, maxFiles) : null;
}

function added(amount: number, noun: string, title: string, limit: number): string {
  const [grown, allowed] = [amount, limit].map((number) => number.toLocaleString("en-US"));
  return `the agent added ${grown} ${noun} to ${title}, ${allowed} are allowed`;
}
