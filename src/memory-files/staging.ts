import { basename, dirname } from "node:path";
import type { Manifest } from "../domain/generation.ts";
import { type Folder, forEachConcurrent, removeTree, splitPath, withinMade } from "../files/folder.ts";
import { storedBlob } from "./blobs.ts";
import type { RunDeps } from "./deps.ts";
import { type HostFile, isHostPath, SUMMARIES } from "./host-files.ts";
import { HAND_EDITS, PROJECTS } from "./memory-path.ts";

interface StagedFiles {
  readonly base: Manifest;
  readonly summaries: readonly HostFile[];
  /** What the person changed by hand, as a diff; null: nothing. */
  readonly handEdits: string | null;
  /** Folder → identity of its repository, for the folders of the inputs that are known. */
  readonly projects: Readonly<Record<string, string>>;
}

/**
 * Makes the private workspace of a run anew: what the base has from agents and people, and the summaries of this
 * run's inputs. Summaries of the base that no input stands for any more are simply not laid. `raw_memories.md`
 * comes with the next step.
 */
export async function prepareWorkspace(
  { store, places, files }: Pick<RunDeps, "store" | "places" | "files">,
  { base, summaries, handEdits, projects }: StagedFiles,
  worker: string,
): Promise<void> {
  await files.makeFolders(places.runFolder);
  await nameWorkspace({ places, files }, null);
  await forgetVerified({ places, files });
  const above = await files.open(dirname(places.workspace));
  try {
    const name = basename(places.workspace);
    await removeTree(above, name);
    await above.makeFolder(name);
    const workspace = await above.enter(name);
    try {
      await withinMade(workspace, SUMMARIES, async () => {});
      const isKnown = Object.keys(projects).length > 0;
      const identities = { path: PROJECTS, content: async () => Buffer.from(JSON.stringify(projects)) };
      await writeTree(workspace, [
        ...(isKnown ? [identities] : []),
        ...base.filter(({ path }) => !isHostPath(path)).map((entry) => stored(store, entry)),
        ...summaries.map(({ path, content }) => ({ path, content: async () => content })),
        ...(handEdits === null ? [] : [{ path: HAND_EDITS, content: async () => Buffer.from(handEdits) }]),
      ]);
    } finally {
      await workspace.close();
    }
  } finally {
    await above.close();
  }
  await nameWorkspace({ places, files }, worker);
}

/** Beside the workspace: which process prepared it, written when it is whole. */
const PREPARED_BY = "prepared-by";
const NAME_BYTES = 1_000;

async function nameWorkspace({ places, files }: StagingDeps, worker: string | null): Promise<void> {
  const runFolder = await files.open(places.runFolder);
  try {
    await runFolder.remove(PREPARED_BY);
    if (worker !== null) await runFolder.create(PREPARED_BY, Buffer.from(worker));
  } finally {
    await runFolder.close();
  }
}

/**
 * Whether the workspace that this process prepared is on this machine, whole. A machine that had the run before may hold
 * one that another process prepared, or half prepared. `worker` undefined: an earlier version named none, so a folder
 * is enough.
 */
export async function hasWorkspace(
  { places, files }: StagingDeps,
  worker: string | undefined,
): Promise<boolean> {
  if ((await files.facts(places.workspace))?.kind !== "folder") return false;
  if (worker === undefined) return true;
  const runFolder = await files.open(places.runFolder);
  try {
    const read = await runFolder.read(PREPARED_BY, NAME_BYTES);
    return read.kind === "file" && Buffer.from(read.content).toString() === worker;
  } finally {
    await runFolder.close();
  }
}

function stored(store: RunDeps["store"], { path, hash }: Manifest[number]): NewFile {
  return { path, content: () => storedBlob(store, { path, hash }) };
}

interface NewFile {
  readonly path: string;
  /** Asked when it is written, so that few contents are held at once. */
  content(): Promise<Uint8Array>;
}

/** Writes files that do not exist yet into a private tree, with the folders they need. Not synced: nothing there outlives its run. */
async function writeTree(root: Folder, files: readonly NewFile[]): Promise<void> {
  for (const [folder, inside] of Map.groupBy(files, ({ path }) => splitPath(path)[0])) {
    await withinMade(root, folder, (at) =>
      forEachConcurrent(inside, async (file) => at.create(splitPath(file.path)[1], await file.content())),
    );
  }
}

/**
 * What the gate let through, kept beside the workspace where the agent can't reach it: publishing takes exactly
 * these bytes or none, also in another process after a crash.
 */
const NAME = "verified.json";
const LIMIT = 64 * 1024 ** 2;

type StagingDeps = Pick<RunDeps, "places" | "files">;

export async function keepVerified({ places, files }: StagingDeps, manifest: Manifest): Promise<void> {
  const runFolder = await files.open(places.runFolder);
  try {
    const content = Buffer.from(JSON.stringify(manifest));
    await runFolder.remove(`${NAME}.new`);
    await runFolder.create(`${NAME}.new`, content, { sync: true });
    await runFolder.rename(`${NAME}.new`, NAME);
  } finally {
    await runFolder.close();
  }
}

/** Null when nothing has been verified since the workspace was laid. */
export async function readVerified({ places, files }: StagingDeps): Promise<Manifest | null> {
  const runFolder = await files.open(places.runFolder);
  try {
    const read = await runFolder.read(NAME, LIMIT);
    return read.kind === "file" ? (JSON.parse(Buffer.from(read.content).toString()) as Manifest) : null;
  } finally {
    await runFolder.close();
  }
}

export async function forgetVerified({ places, files }: StagingDeps): Promise<void> {
  const runFolder = await files.open(places.runFolder);
  try {
    await runFolder.remove(NAME);
  } finally {
    await runFolder.close();
  }
}
