import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Files, Folder } from "../files/folder.ts";
import { spaceFolder } from "../memory-files/memory-path.ts";
import type { PublishedMemory } from "./published-memory.ts";
import { RECALL_TOKENS, recallOf } from "./recall.ts";

/**
 * The recall of every project, prepared as files, so that a hook only has to read one:
 *
 *   <home>/projections/<space>/index.json   which folders have which file
 *                              all.md       the overview
 *                              none.md      for a folder that no project is known of
 *                              <hash>.md    one project
 *
 * Each file changes by a rename, the index last, and what the index no longer names goes after it.
 */
export interface ProjectionIndex {
  readonly format: 1;
  readonly generation: string | null;
  readonly projects: readonly { readonly folders: readonly string[]; readonly file: string }[];
}

/** Projects that are prepared; a hook in the folder of any other shows the overview. */
const MOST_PROJECTS = 100;

export function projectionsFolder(home: string, space: string): string {
  return join(home, "projections", spaceFolder(space));
}

export async function writeProjections(
  { files, home }: { readonly files: Files; readonly home: string },
  space: string,
  memory: PublishedMemory,
  notices: readonly string[],
): Promise<void> {
  const texts = new Map<string, string>();
  const render = async (file: string, folder: readonly string[] | null) => {
    texts.set(file, (await recallOf(memory, { folder, tokens: RECALL_TOKENS, notices })).text);
  };
  const projects = newest(memory);
  for (const { file, folders } of projects) await render(file, folders);
  await render("none.md", []);
  await render("all.md", null);
  const index: ProjectionIndex = { format: 1, generation: memory.generation, projects };
  const path = projectionsFolder(home, space);
  await files.makeFolders(path);
  const folder = await files.open(path);
  try {
    for (const [file, text] of texts) await replaceFile(folder, file, Buffer.from(text));
    await replaceFile(folder, "index.json", Buffer.from(`${JSON.stringify(index, null, 1)}\n`));
    for (const { name, kind } of await folder.list())
      if (kind !== "folder" && name !== "index.json" && !texts.has(name)) await folder.remove(name);
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Those with the most recent session; one without any folder can't be asked for. */
function newest({ projects }: PublishedMemory): ProjectionIndex["projects"] {
  return projects
    .filter(({ folders }) => folders.length > 0)
    .map((project) => ({
      project,
      day:
        project.topics
          .map(({ day }) => day)
          .sort()
          .at(-1) ?? "",
    }))
    .sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0))
    .slice(0, MOST_PROJECTS)
    .map(({ project: { folders } }) => ({
      folders,
      file: `${createHash("sha256").update(folders.join("\n")).digest("hex").slice(0, 24)}.md`,
    }));
}

/**
 * Makes `name` hold these bytes, by one rename. A killed process leaves a draft of a name that the next write takes; at
 * most one writer a folder.
 */
export async function replaceFile(
  folder: Folder,
  name: string,
  content: Uint8Array,
  { mode = 0o600 }: { readonly mode?: number } = {},
): Promise<void> {
  const draft = draftOf(name);
  await folder.remove(draft);
  try {
    await folder.create(draft, content, { mode, sync: true });
    await folder.rename(draft, name);
  } catch (error) {
    // On a full disk the half-written file is what fills it.
    await folder.remove(draft).catch(() => {});
    throw error;
  }
}

export function draftOf(name: string): string {
  return `.${name}.slowwave-draft`;
}
