import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { ConsolidateInput } from "./consolidate.ts";
import { isOurSkill, type Skill } from "./skills.ts";
import type { SummaryFile } from "./thread.ts";

/** What the workspace holds, read without following links. A file that isn't there is null; a summary that isn't readable is left out. */
export function readWorkspace(root: string): ConsolidateInput & { readonly memory: string | null } {
  return {
    rawMemories: readPlain(join(root, "raw_memories.md")) ?? "",
    summaries: ["", "notes/"].flatMap((folder) => readSummaries(join(root, "rollout_summaries"), folder)),
    memory: readPlain(join(root, "MEMORY.md")),
    handEdits: readPlain(join(root, "hand_edits.diff")),
    projects: readPlain(join(root, "projects.json")),
  };
}

/**
 * Replaces a file of the workspace whole: written beside it, renamed over it. A link in its place is replaced, not
 * followed. Not flushed: Node's permission model denies that, and what is published is flushed by the publisher.
 */
export function writeWorkspaceFile(root: string, name: string, text: string): void {
  const target = join(root, name);
  const temporary = join(root, `.${name}.new`);
  rmSync(temporary, { force: true });
  const file = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0),
    0o600,
  );
  try {
    let rest: Uint8Array = Buffer.from(text.toWellFormed());
    while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
  } finally {
    closeSync(file);
  }
  renameSync(temporary, target);
}

/**
 * Writes the skills, and takes away those of ours that no session supports any more. A skill that the person wrote or
 * took over stays as it is, also under a name of ours; nothing is done through a link.
 */
export function writeSkills(root: string, skills: readonly Skill[]): void {
  const folder = join(root, "skills");
  if (!isFolder(folder)) {
    if (skills.length === 0 || existsHere(folder)) return;
    mkdirSync(folder, { mode: 0o700 });
  }
  const wanted = new Map(skills.map((skill) => [skill.name, skill.text]));
  for (const { name } of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, name, "SKILL.md");
    const text = isFolder(join(folder, name)) ? readPlain(file) : null;
    if (text === null || !isOurSkill(text)) wanted.delete(name);
    else if (!wanted.has(name)) {
      rmSync(file);
      if (readdirSync(join(folder, name)).length === 0) rmdirSync(join(folder, name));
    }
  }
  for (const [name, text] of wanted) {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    writeWorkspaceFile(join(folder, name), "SKILL.md", text);
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function existsHere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readSummaries(summaries: string, folder: string): readonly SummaryFile[] {
  if (folder !== "" && !isFolder(join(summaries, folder))) return [];
  const names = readdirSync(join(summaries, folder), { withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith(".md"),
  );
  return names.flatMap(({ name }) => {
    const text = readPlain(join(summaries, folder, name));
    return text === null ? [] : [{ name: `${folder}${name}`, text }];
  });
}

function readPlain(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ELOOP" || code === "EMLINK") return null;
    throw error;
  }
  try {
    return fstatSync(file).isFile() ? readFileSync(file, "utf8") : null;
  } finally {
    closeSync(file);
  }
}
