import { dirname } from "node:path";
import type { Clock } from "../domain/clock.ts";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  type GenerationStore,
  type Manifest,
} from "../domain/generation.ts";
import type { Files, Folder } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash } from "./blobs.ts";
import { hasPlainNames, isRootPlace, MARK } from "./memory-path.ts";
import { type Problem, type Scan, type ScanOptions, scan } from "./scan.ts";

/**
 * `empty`: nothing there yet, or an empty folder. `ours`: it bears our mark. `adoptable`: it has no mark and
 * holds only what a memory may hold; it becomes the first generation.
 */
export type RootState = "empty" | "ours" | "adoptable";

/**
 * Whether this folder can be the memory of the space; asked before the claim. Reads names only, writes nothing.
 * Rejects with `root_symlink`, `root_not_a_folder`, `root_other_home`, `root_other_space`, `root_mark_invalid`,
 * `root_foreign_content` or `root_read_only`, in sentences that say what to do.
 */
export async function checkRoot(request: {
  readonly root: string;
  readonly homeId: string;
  readonly space: string;
  readonly files: Files;
}): Promise<RootState> {
  const { root, homeId, space, files } = request;
  const state = await inspectRoot(files, root, { home: homeId, space }, { hash: false }, async (found) =>
    found === null ? "empty" : stateOf(found),
  );
  await assertWritable(files, root);
  return state;
}

/** A root that may be ours: what it holds, and what its mark says. */
export interface RootFound {
  readonly folder: Folder;
  /** Null: it bears no mark of ours. */
  readonly mark: Mark | null;
  /** Its `problems` are things that are left alone; nothing is published where they stand. */
  readonly scan: Scan;
}

/**
 * Opens the root, assures that it is nobody else's, and scans it; null when it isn't there. Closed when `use` is done.
 * A folder that bears our mark may hold whatever a person or a tool puts there, but for something else than a file
 * (`MEMORY.md` and its like) or a folder (`rollout_summaries`, `skills`) where the memory has its own.
 */
export async function inspectRoot<Result>(
  files: Files,
  root: string,
  wanted: RootOwner,
  options: ScanOptions,
  use: (found: RootFound | null) => Promise<Result>,
): Promise<Result> {
  const folder = await openRoot(files, root);
  if (folder === null) return use(null);
  try {
    const mark = await readMark(folder);
    if (mark !== null) assertOurs(root, mark, wanted);
    const found = await scan(folder, options);
    assertNoLinks(root, found.problems);
    assertMemoryOnly(
      root,
      found.problems.filter((problem) => !isHarmless(problem, mark !== null)),
    );
    return await use({ folder, mark, scan: found });
  } finally {
    await folder.close();
  }
}

/** Null when nothing is there. */
export async function openRoot(files: Files, root: string): Promise<Folder | null> {
  const facts = await files.facts(root);
  if (facts === null) return null;
  if (facts.kind === "symlink") {
    throw new SlowwaveError(
      "root_symlink",
      `The memory folder ${pathText(root)} is a symlink; name the folder it leads to instead.`,
    );
  }
  if (facts.kind !== "folder") {
    throw new SlowwaveError(
      "root_not_a_folder",
      `${pathText(root)} is not a folder; move it away, or use another folder with --memory-root.`,
    );
  }
  return files.open(root);
}

function stateOf({ mark, scan }: RootFound): RootState {
  if (mark !== null) return "ours";
  return scan.manifest.length === 0 ? "empty" : "adoptable";
}

/** A hard link in a root is a person's own doing and harmless: publishing replaces, never writes into, a file. */
function isHarmless({ path, kind }: Problem, isMarked: boolean): boolean {
  return kind === "hard-link" || (isMarked && kind !== "too-many" && !isRootPlace(path));
}

/** Publishing replaces files, so a link would be cut off from what it leads to, and that would go on unchanged. */
function assertNoLinks(root: string, problems: readonly Problem[]): void {
  const link = problems.find(({ path, kind }) => kind === "symlink" && isRootPlace(path));
  if (link === undefined) return;
  throw new SlowwaveError(
    "root_symlink",
    `${pathText(link.path)} in the memory folder ${pathText(root)} is a symlink; put what it leads to in its place, or use another folder with --memory-root. Nothing was touched.`,
  );
}

const SHOWN = 3;

function assertMemoryOnly(root: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const named = problems.slice(0, SHOWN).map((problem) => `${pathText(problem.path)} (${whatIs(problem)})`);
  const more = problems.length > SHOWN ? ` and ${problems.length - SHOWN} more` : "";
  throw new SlowwaveError(
    "root_foreign_content",
    `The memory folder ${pathText(root)} holds things a memory cannot hold: ${named.join(", ")}${more}. ` +
      "Move them away, or use another folder with --memory-root. Nothing was touched.",
  );
}

function whatIs({ path, kind }: Problem): string {
  return kind === "foreign" && !hasPlainNames(path) ? "a name a memory cannot keep" : WHAT[kind];
}

const WHAT: Record<Problem["kind"], string> = {
  foreign: "not part of a memory",
  symlink: "a symlink",
  special: "not a regular file",
  "hard-link": "a hard link",
  unreadable: "not readable",
  "too-large": "too large",
  "too-many-lines": "of too many lines",
  "too-deep": "too deep",
  "too-many": "too many files",
  collision: "the same name as another but for case",
};

/** The folder, or the nearest parent in which it would be made. */
async function assertWritable(files: Files, root: string): Promise<void> {
  let at = root;
  while ((await files.facts(at)) === null && dirname(at) !== at) at = dirname(at);
  try {
    await files.assertWritable(at);
  } catch (error) {
    const code = codeOf(error);
    if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") throw error;
    throw new SlowwaveError(
      "root_read_only",
      `The memory folder ${pathText(root)} cannot be written; mend its permissions, or use another folder with --memory-root.`,
      { cause: error },
    );
  }
}

/** The owner of a memory root. */
interface RootOwner {
  readonly home: string;
  readonly space: string;
}

/** What is written in the one file of ours that stays in a memory root. */
export interface Mark extends RootOwner {
  /** The generation that the folder was last brought to; what differs from it was changed since, by somebody else. */
  readonly generation?: string;
  /** A digest of the foreign things that were reported once. */
  readonly reported?: string;
  /** Of a checkout: a digest of the files that the folder was brought to, as the store may change or forget its generation. */
  readonly digest?: string;
}

const LIMIT = 4096;

/** Null when there is none. Rejects with `root_mark_invalid` when something else bears the name. */
export async function readMark(root: Folder): Promise<Mark | null> {
  const read = await root.read(MARK, LIMIT);
  if (read.kind === "missing") return null;
  const mark = read.kind === "file" ? parseMark(Buffer.from(read.content).toString()) : null;
  if (mark !== null) return mark;
  throw new SlowwaveError(
    "root_mark_invalid",
    `The file ${MARK} in ${pathText(root.path)} is not one of ours; move it away and run again.`,
  );
}

export function markText({ home, space, generation, reported, digest }: Mark): string {
  return `${JSON.stringify({ home, space, generation, reported, digest })}\n`;
}

/** Rejects when the mark names another home or another space. */
export function assertOurs(path: string, found: RootOwner, wanted: RootOwner): void {
  if (found.home !== wanted.home) {
    throw new SlowwaveError(
      "root_other_home",
      `The memory folder ${pathText(path)} belongs to another Slowwave home; use that home, or another folder with --memory-root.`,
    );
  }
  if (found.space !== wanted.space) {
    throw new SlowwaveError(
      "root_other_space",
      `The memory folder ${pathText(path)} belongs to the space "${pathText(found.space)}"; use another folder with --memory-root.`,
    );
  }
}

function parseMark(text: string): Mark | null {
  try {
    const value = JSON.parse(text) as Partial<Mark> | null;
    if (typeof value?.home !== "string" || typeof value.space !== "string") return null;
    const { home, space, generation, reported, digest } = value;
    return {
      home,
      space,
      ...(typeof generation === "string" ? { generation } : {}),
      ...(typeof reported === "string" ? { reported } : {}),
      ...(typeof digest === "string" ? { digest } : {}),
    };
  } catch {
    return null;
  }
}

export interface Integrity {
  readonly generations: number;
  /** Blobs that were read and hashed again. */
  readonly blobs: number;
  /** Blobs there was no time for. */
  readonly left: number;
  /** Not what their name says, or not there: `generation: path`. */
  readonly damaged: readonly string[];
  /** How the memory folder differs from the generation in effect; null when there is none, or the folder can't be read. */
  readonly edits: FileChanges | null;
}

const MOST = 100_000;

/**
 * Reads every generation of a space: is each of its blobs there, of the length the manifest says, and what its hash
 * says? Newest first, until `budgetMs` is used up (null: to the end). Then compares the memory folder with the newest.
 */
export async function inspectGenerations(
  deps: { readonly generations: GenerationStore; readonly files: Files; readonly clock: Clock },
  at: {
    readonly space: string;
    readonly root: string;
    readonly homeId: string;
    readonly budgetMs: number | null;
  },
): Promise<Integrity> {
  const { generations, files, clock } = deps;
  const all = await generations.list(at.space, MOST);
  const sound = new Map<string, boolean>();
  const damaged: string[] = [];
  const sinceMs = clock.monotonicMs();
  const left = new Set<string>();
  for (const { id } of all) {
    for (const { path, hash, bytes } of (await generations.manifest(id)) ?? []) {
      const isOver = at.budgetMs !== null && clock.monotonicMs() - sinceMs > at.budgetMs;
      if (!sound.has(hash) && isOver) {
        left.add(hash);
        continue;
      }
      if (!sound.has(hash)) sound.set(hash, await isSound(generations, hash, bytes));
      if (sound.get(hash) === false) damaged.push(`${id}: ${path}`);
    }
  }
  const edits = (await editsSince({ generations, files }, at))?.changes ?? null;
  return { generations: all.length, blobs: sound.size, left: left.size, damaged, edits };
}

async function isSound(
  generations: Pick<GenerationStore, "blob">,
  hash: string,
  bytes: number,
): Promise<boolean> {
  const content = await generations.blob(hash);
  return content !== null && content.length === bytes && (await contentHash(content)) === hash;
}

/** What a person made of the memory folder since the generation in effect. */
export interface Edits {
  readonly since: Generation;
  readonly before: Manifest;
  readonly after: Manifest;
  readonly changes: FileChanges;
  /** Of a file in the folder, or of the store. */
  blob(hash: string): Promise<Uint8Array | null>;
}

/** Null when there is no generation, the folder can't be read, or a publish is in the middle of it. Changes nothing. */
export async function editsSince(
  { generations, files }: { readonly generations: GenerationStore; readonly files: Files },
  { space, root, homeId }: { readonly space: string; readonly root: string; readonly homeId: string },
): Promise<Edits | null> {
  const head = await generations.current(space);
  if (head === null || (await generations.openJournal(space)) !== null) return null;
  const before = head.manifest;
  const wanted = { home: homeId, space };
  const options = { keep: () => true };
  return inspectRoot(files, root, wanted, options, async (found) => {
    const after = found?.scan.manifest ?? [];
    const contents = new Map(after.map(({ path, hash }) => [hash, found?.scan.kept.get(path)]));
    const blob = async (hash: string) => contents.get(hash) ?? generations.blob(hash);
    return { since: head.generation, before, after, changes: changesBetween(before, after), blob };
  }).catch(() => null);
}

/** The generation that the folder's mark names when this store knows none of that id; null when all is well, or it can't be read. */
export async function unknownGeneration(
  { generations, files }: { readonly generations: GenerationStore; readonly files: Files },
  { space, root, homeId }: { readonly space: string; readonly root: string; readonly homeId: string },
): Promise<string | null> {
  return inspectRoot(files, root, { home: homeId, space }, { hash: false }, async (found) => {
    const marked = found?.mark?.generation;
    return marked === undefined || (await generations.read(marked)) !== null ? null : marked;
  }).catch(() => null);
}

/** Told before a run by `status` and `doctor`, which change nothing; the run itself says root_ahead. */
export function aheadMessage(root: string, generation: string): string {
  return `${pathText(root)} was last brought to generation ${pathText(generation)}, which this database does not know: it was emptied or restored from an older backup, or a copy of this home publishes to the same folder. The next run keeps what the folder holds as a generation first`;
}
