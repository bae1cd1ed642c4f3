import { readableText } from "../text/sanitize.ts";
import type { Fact } from "./facts.ts";
import { kinds, kindTitles, noProject } from "./handbook.ts";
import type { ReadSession } from "./session.ts";
import type { Task } from "./tasks.ts";
import { compare, normalFolder, type Thread } from "./thread.ts";

/** One repository, whatever the folders it was worked on in. */
export interface Project {
  /** A short name, unique among the projects. */
  readonly family: string;
  /** Every folder, spelled as the sessions have it, in the order of their first session. Empty string: not known. */
  readonly folders: readonly string[];
  /** Oldest first. */
  readonly sessions: readonly ReadSession[];
}

/**
 * Sorts sessions into repositories. Folders belong together when they differ in case only, when one is a worktree of
 * the other or lies inside it, when they end in the same telling names, or when the sessions speak of the same files.
 * Where the identity of a repository is known, it decides: folders of one are together, those of two are not.
 * Sessions come oldest first.
 *
 * @param identities what is known of folders: folder → identity of its repository
 */
export function projectsOf(
  sessions: readonly ReadSession[],
  identities: ReadonlyMap<string, string> = new Map(),
): readonly Project[] {
  const folders = [...new Set(sessions.map(({ thread }) => thread.cwd))];
  const roots = new Map(folders.map((folder) => [folder, rootOf(folder)]));
  const known = new Map(
    folders.flatMap((folder) => {
      const identity = identities.get(folder);
      return identity === undefined ? [] : [[roots.get(folder) ?? "", identity] as const];
    }),
  );
  const groups = joinRoots([...new Set(roots.values())], filesByRoot(sessions, roots), known);
  const byGroup = Map.groupBy(sessions, ({ thread }) => groups.get(roots.get(thread.cwd) ?? "") ?? "");
  const taken = new Set<string>();
  return [...byGroup.values()].map((own) => {
    const spelled = [...new Set(own.map(({ thread }) => thread.cwd))];
    return { family: nameOf(spelled, taken), folders: spelled, sessions: own };
  });
}

/** The main checkout of a worktree, in one spelling: lower case, forward slashes. */
function rootOf(folder: string): string {
  const plain = folder.replaceAll("\\", "/").toLowerCase();
  // Agents keep worktrees of all repositories in one place of their own: only the last name tells.
  const apart = /\/\.[\w-]+\/worktrees?\/[^/]+\/([^/]+)$/.exec(plain)?.[1];
  if (apart !== undefined) return `${WORKTREE}${apart}`;
  const inside = /^(.+?)\/(?:\.[\w-]+\/)?\.?(?:git\/)?worktrees?\/[^/]+/.exec(plain)?.[1];
  if (inside !== undefined && !isContainer(inside)) return inside;
  const beside = /^(.+)[._-](?:worktrees?|wt)\/[^/]+/.exec(plain)?.[1];
  return beside ?? plain;
}

/** Stands for the unknown folder of a repository of which only the name is known. */
const WORKTREE = "worktree:/";

/** Folders that hold projects rather than being one. */
const CONTAINERS = new Set(
  "home users user src source sources code projects project work workspace workspaces repos repo git dev documents desktop tmp var opt mnt root go github github.com gitlab.com private c: d:".split(
    " ",
  ),
);
/** Names that many repositories share. */
const COMMON = new Set(
  "app api web www site website server client frontend backend docs src packages package cli ui core lib libs test tests main master infra dotfiles service services apps common shared admin mobile".split(
    " ",
  ),
);

/**
 * `projects.json` of the workspace: a folder's repository as the host knows it by git. Whatever is not text for text
 * is left out.
 */
export function readIdentities(json: string | null): ReadonlyMap<string, string> {
  try {
    const read: unknown = JSON.parse(json ?? "{}");
    if (typeof read !== "object" || read === null) return new Map();
    return new Map(
      Object.entries(read).flatMap(([folder, identity]) =>
        typeof identity === "string" ? [[normalFolder(folder), identity] as const] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

function isContainer(root: string): boolean {
  const parts = partsOf(root);
  return parts.length < 3 || CONTAINERS.has(parts.at(-1) ?? "");
}

function partsOf(root: string): readonly string[] {
  return root
    .replace(WORKTREE, "/")
    .split("/")
    .filter((part) => part !== "");
}

/** Root → the first root of its repository. */
function joinRoots(
  roots: readonly string[],
  files: ReadonlyMap<string, ReadonlySet<string>>,
  known: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const parents = new Map(roots.map((root) => [root, root]));
  const identities = new Map(known);
  const find = (root: string): string => {
    const parent = parents.get(root) ?? root;
    return parent === root ? root : find(parent);
  };
  const join = (a: string, b: string) => {
    const [first, second] = [find(a), find(b)];
    // Which of the two stands for both doesn't matter; the same one for any order of the sessions does.
    const [low = first, high = second] = [first, second].sort(compare);
    const [one, other] = [identities.get(low), identities.get(high)];
    if (low === high || (one !== undefined && other !== undefined && one !== other)) return;
    parents.set(high, low);
    const identity = one ?? other;
    if (identity !== undefined) identities.set(low, identity);
  };
  for (const same of Map.groupBy(known.keys(), (root) => known.get(root)).values())
    for (const root of same) join(root, same[0] ?? root);
  const sorted = [...roots].filter((root) => root !== "").sort(compare);
  const byName = Map.groupBy(sorted, (root) => partsOf(root).at(-1) ?? "");
  for (const root of sorted) {
    const outer = sorted.filter((other) => root.startsWith(`${other}/`) && !isContainer(other));
    for (const other of outer) join(root, other);
  }
  for (const same of byName.values())
    for (const root of same)
      if (same[0] !== undefined && hasTellingTail(root, same)) join(root, tellingTwin(root, same));
  for (const root of sorted.filter((other) => other.startsWith(WORKTREE))) {
    const home = byName.get(root.slice(WORKTREE.length))?.find((other) => other !== root);
    if (home !== undefined) join(root, home);
  }
  for (const [a, b] of sharingFiles(sorted, files)) join(a, b);
  return new Map(roots.map((root) => [root, find(root)]));
}

/** Whether another root ends in the same names, and those are not names that everybody uses. */
function hasTellingTail(root: string, same: readonly string[]): boolean {
  return tellingTwin(root, same) !== root;
}

function tellingTwin(root: string, same: readonly string[]): string {
  const [last = "", before = ""] = [...partsOf(root)].reverse();
  const isTelling = !COMMON.has(last) && (/[-_.\d]/.test(last) || last.length >= 9);
  return (
    same.find((other) => {
      const [, otherBefore = ""] = [...partsOf(other)].reverse();
      const sharesParent = before === otherBefore && !CONTAINERS.has(before) && !COMMON.has(before);
      return isTelling || (sharesParent && !COMMON.has(last));
    }) ?? root
  );
}

/** Files that both speak of, from which on two folders are one repository. */
const FEWEST_FILES = 4;
const LEAST_SHARE = 0.3;

function* sharingFiles(
  roots: readonly string[],
  files: ReadonlyMap<string, ReadonlySet<string>>,
): Generator<readonly [string, string]> {
  const byFile = new Map<string, string[]>();
  for (const root of roots)
    for (const file of files.get(root) ?? []) byFile.set(file, [...(byFile.get(file) ?? []), root]);
  const counts = new Map<string, number>();
  for (const sharing of byFile.values()) {
    if (sharing.length > 8) continue;
    for (const a of sharing)
      for (const b of sharing) if (a < b) counts.set(`${a}\n${b}`, (counts.get(`${a}\n${b}`) ?? 0) + 1);
  }
  for (const [pair, count] of counts) {
    const [a = "", b = ""] = pair.split("\n");
    const fewest = Math.min(files.get(a)?.size ?? 0, files.get(b)?.size ?? 0);
    if (count >= FEWEST_FILES && count >= fewest * LEAST_SHARE) yield [a, b];
  }
}

/** Relative paths of two parts or more that the sessions of a root name. */
function filesByRoot(
  sessions: readonly ReadSession[],
  roots: ReadonlyMap<string, string>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const files = new Map<string, Set<string>>();
  for (const { thread, note, pieces } of sessions) {
    const root = roots.get(thread.cwd) ?? "";
    const own = files.get(root) ?? new Set();
    for (const text of [...pieces.map((piece) => piece.text), ...note.head.keywords])
      for (const path of text.match(/(?<![\w/~.-])[\w.-]+(?:\/[\w.-]+)+\.\w{1,5}\b/g) ?? [])
        own.add(path.toLowerCase());
    files.set(root, own);
  }
  return files;
}

/** The last two parts of the first folder, more where two projects would share them. */
function nameOf(folders: readonly string[], taken: Set<string>): string {
  const [cwd = ""] = folders;
  const names = readableText(cwd)
    .split(/[/\\]+/)
    .filter((name) => name !== "");
  let family = names.length === 0 ? cwd || noProject : "";
  for (let count = 2; count <= Math.max(names.length, 2); count++) {
    if (family !== "" && !taken.has(family.toLowerCase())) break;
    family = names.slice(-count).join("/") || family;
  }
  for (let copy = 2; taken.has(family.toLowerCase()); copy++) family = `${names.join("/")} (${copy})`;
  taken.add(family.toLowerCase());
  return family;
}

/** A project with what its sessions agree on. */
export interface Group {
  readonly project: Project;
  readonly tasks: readonly Task[];
  readonly facts: readonly Fact[];
}

/** A task of so many sessions names them all; of more it names the latest, and counts those before them. */
const ALL_CITATIONS = 8;
const MOST_CITATIONS = 3;
const MOST_FOLDERS = 12;
const MOST_REFERENCES = 3;

/** The block of a group; with facts, only tasks that one of them comes from are listed. */
export function groupBlock({ project, tasks, facts }: Group): string {
  const listed = new Set(facts.length === 0 ? tasks : facts.map((fact) => homeOf(fact, tasks)));
  const lines = headOf(project);
  for (const task of tasks) if (listed.has(task)) lines.push(...taskLines(task));
  for (const kind of kinds) {
    const own = facts.filter((fact) => fact.kind === kind);
    if (own.length === 0) continue;
    lines.push("", `## ${kindTitles[kind]}`, "");
    lines.push(
      ...own.map((fact) =>
        bullet(
          fact,
          tasksOfFact(fact, tasks).filter((task) => listed.has(task)),
        ),
      ),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** The task that a fact can't be shown without: that of the session that said it first. */
export function homeOf(fact: Fact, tasks: readonly Task[]): Task | undefined {
  return tasksOfFact(fact, tasks)[0];
}

function tasksOfFact(fact: Fact, tasks: readonly Task[]): readonly Task[] {
  const parts = new Set(fact.parts);
  return tasks.filter((task) => task.parts.some((part) => parts.has(part)));
}

export function headOf({ family, folders, sessions }: Project): string[] {
  return [`# Task Group: ${family}`, scopeLine(folders, sessions), appliesLine(folders)];
}

export function taskHeading({ number, title }: Task): string {
  return `## Task ${number}: ${title}`;
}

export function taskLines(task: Task): readonly string[] {
  const { keywords, threads } = task;
  const most = threads.length <= ALL_CITATIONS ? ALL_CITATIONS : MOST_CITATIONS;
  const shown = threads.slice(-most);
  const hidden = threads.slice(0, -most);
  const days = hidden.flatMap(({ started, time }) => [dayOf(started), dayOf(time)]).sort(compare);
  const [first = "", last = ""] = [days[0], days.at(-1)];
  const span = first === last ? first : `${first} to ${last}`;
  const more = hidden.length === 0 ? [] : [`- and ${hidden.length} more, ${span}`];
  return [
    "",
    taskHeading(task),
    "",
    "### rollout_summary_files",
    "",
    ...shown.map(citation),
    ...more,
    "",
    "### keywords",
    "",
    `- ${keywords.join(", ")}`,
  ];
}

function citation({ file, id, started, time }: Thread): string {
  const [from, to] = [dayOf(started), dayOf(time)];
  const span = from === to ? `updated_at=${to}` : `started=${from}, updated_at=${to}`;
  return `- rollout_summaries/${file} (${span}, thread_id=${id})`;
}

export function bullet({ text, kind, lastConfirmed }: Fact, tasks: readonly Task[]): string {
  // Numbers age, so they carry the day on which they were last said.
  const date = kind === "knowledge" && /(?<![\p{L}\d])\d/u.test(text) ? ` (${dayOf(lastConfirmed)})` : "";
  const references = tasks.slice(0, MOST_REFERENCES).map(({ number }) => `[Task ${number}]`);
  return `- ${text}${date}${references.length === 0 ? "" : ` ${references.join("")}`}`;
}

/** `YYYY-MM-DD` of milliseconds. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function scopeLine(folders: readonly string[], sessions: Project["sessions"]): string {
  const days = sessions.map(({ thread }) => thread.updatedAt.slice(0, 10)).sort();
  const [first = "", last = first] = [days[0], days.at(-1)];
  const span = first === last ? last : `${first} to ${last}`;
  const what = sessions.length === 1 ? "one session" : `${sessions.length} sessions`;
  return `scope: what ${what} in ${folders[0] === "" ? "no known folder" : folders[0]} taught (${span})`;
}

function appliesLine(folders: readonly string[]): string {
  if (folders[0] === "")
    return `applies_to: cwd=${noProject}; reuse_rule=check that it fits before use, the folder of these sessions is not known`;
  const shown = folders.slice(0, MOST_FOLDERS).join(", ");
  return `applies_to: cwd=${shown}; reuse_rule=safe in these folders and checkouts of the same project; elsewhere only what is not about this code`;
}
