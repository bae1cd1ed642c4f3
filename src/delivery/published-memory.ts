import type { ProjectStore } from "../domain/session.ts";
import type { Files, Folder } from "../files/folder.ts";
import { openRoot, readMark } from "../memory-files/check-root.ts";
import { SCAN_LIMITS } from "../memory-files/memory-path.ts";
import { splitReferences } from "../text/handbook.ts";
import {
  branchOf,
  linesOf,
  type Outline,
  outlineOf,
  type Part,
  taskNumber,
  titleOf,
} from "../text/outline.ts";

/** What readers are shown of a memory: the two files an agent consolidated, cut into what can be chosen from. */
export interface PublishedMemory {
  readonly root: string;
  /** Null: nothing was published yet. */
  readonly generation: string | null;
  readonly projects: readonly ProjectMemory[];
  /** Bullets of the summary: what the person wants everywhere, and what helps anywhere. */
  readonly preferences: readonly string[];
  readonly tips: readonly string[];
}

/** One task group of the handbook. */
export interface ProjectMemory {
  readonly name: string;
  readonly folders: readonly string[];
  readonly topics: readonly Topic[];
  readonly preferences: readonly string[];
  readonly knowledge: readonly string[];
  readonly failures: readonly string[];
}

export interface Topic {
  readonly title: string;
  readonly keywords: readonly string[];
  /** YYYY-MM-DD of its newest session; empty when it cites none. */
  readonly day: string;
}

/** Reads the memory as it stands in its folder, hand edits included; an absent folder is an empty memory. */
export async function readPublishedMemory(files: Files, root: string): Promise<PublishedMemory> {
  const folder = await openRoot(files, root);
  if (folder === null) return memoryOf({ root, generation: null, handbook: "", summary: "" });
  try {
    const mark = await readMark(folder);
    const [handbook, summary] = [
      await textOf(folder, "MEMORY.md"),
      await textOf(folder, "memory_summary.md"),
    ];
    return memoryOf({ root, generation: mark?.generation ?? null, handbook, summary });
  } finally {
    await folder.close();
  }
}

async function textOf(folder: Folder, name: string): Promise<string> {
  const read = await folder.read(name, SCAN_LIMITS.fileBytes);
  return read.kind === "file" ? Buffer.from(read.content).toString() : "";
}

export function memoryOf(from: {
  readonly root: string;
  readonly generation: string | null;
  readonly handbook: string;
  readonly summary: string;
}): PublishedMemory {
  const handbook = outlined(from.handbook);
  const summary = outlined(from.summary);
  return {
    root: from.root,
    generation: from.generation,
    projects: handbook.parts
      .filter((part) => part.level === 1 && /^Task Group:/.test(titleOf(part)))
      .map((part) => projectOf(handbook, part)),
    preferences: section(summary, summary.parts, /^user preferences$/i),
    tips: section(summary, summary.parts, /^general tips$/i),
  };
}

/**
 * The memory whose projects have every folder they are known by: those of clones, worktrees and former names, as far as
 * sessions were learned there.
 */
export async function withKnownFolders(
  memory: PublishedMemory,
  known: Pick<ProjectStore, "ofPath" | "pathsOf">,
): Promise<PublishedMemory> {
  const projects: ProjectMemory[] = [];
  for (const project of memory.projects) {
    const folders = new Set(project.folders);
    for (const folder of project.folders) {
      const identity = await known.ofPath(folder);
      if (identity !== null) for (const path of await known.pathsOf(identity.id)) folders.add(path);
    }
    projects.push({ ...project, folders: [...folders] });
  }
  return { ...memory, projects };
}

function outlined(text: string): Outline {
  return outlineOf(linesOf(text).map((line) => ({ text: line, edit: null })));
}

function projectOf(outline: Outline, head: Part): ProjectMemory {
  const parts = branchOf(outline, head);
  const sections = parts.filter((part) => part.level === 2 && taskNumber(part) === null);
  return {
    name: titleOf(head)
      .replace(/^Task Group:\s*/, "")
      .trim(),
    folders: foldersOf(head),
    topics: parts.filter((part) => taskNumber(part) !== null).map((part) => topicOf(outline, part)),
    preferences: section(outline, sections, /preferences/i),
    knowledge: section(outline, sections, /knowledge|facts/i),
    failures: section(outline, sections, /fail|pitfall/i),
  };
}

/** Folders are parted by commas, and a folder's own name may hold one. */
function foldersOf({ body }: Part): readonly string[] {
  const named = body.map(({ text }) => /^applies_to:\s*cwd=([^;]*)/.exec(text)?.[1]).find(Boolean) ?? "";
  return named
    .split(/,\s+(?=[/\\~]|[A-Za-z]:[/\\])/)
    .map((folder) => folder.trim())
    .filter((folder) => folder !== "" && !folder.startsWith("("));
}

function topicOf(outline: Outline, task: Part): Topic {
  const parts = branchOf(outline, task);
  const days = parts.flatMap(({ body }) =>
    body.flatMap(({ text }) => /updated_at=(\d{4}-\d\d-\d\d)/.exec(text)?.[1] ?? []),
  );
  const words = parts.filter((part) => /^keywords$/i.test(titleOf(part))).flatMap(bulletsOf);
  return {
    title: titleOf(task).replace(/^Task \d+:?\s*/, ""),
    keywords: words
      .flatMap((line) => line.split(","))
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    day: days.sort().at(-1) ?? "",
  };
}

function section(outline: Outline, parts: readonly Part[], title: RegExp): readonly string[] {
  return parts
    .filter((part) => part.level === 2 && title.test(titleOf(part)))
    .flatMap((part) => branchOf(outline, part).flatMap(bulletsOf));
}

/** Each bullet on one line, without the numbers of the tasks it comes from. */
function bulletsOf({ body }: Part): readonly string[] {
  const bullets: string[] = [];
  let isOpen = false;
  for (const { text } of body) {
    const bullet = /^[-*+] +(.*)$/.exec(text)?.[1];
    if (bullet !== undefined) bullets.push(bullet);
    else if (isOpen && /^\s+\S/.test(text)) bullets.push(`${bullets.pop() ?? ""} ${text.trim()}`);
    isOpen = text.trim() !== "" && bullets.length > 0;
  }
  return bullets.map((bullet) => splitReferences(bullet).text.trim());
}
