import { createHash } from "node:crypto";
import { basename, dirname, isAbsolute, sep } from "node:path";
import type { Clock } from "../domain/clock.ts";
import type { Project, ProjectStore } from "../domain/session.ts";

/** What git says of a folder; null: there is none, or git does not answer. */
interface GitFacts {
  /** The folder that all worktrees of the repository share. Absolute. */
  readonly commonDir: string;
  readonly topLevel: string;
  readonly remote: string | null;
  readonly rootCommit: string | null;
}

export type AskGit = (folder: string) => Promise<GitFacts | null>;

interface ProjectDeps {
  readonly projects: ProjectStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly git: AskGit;
}

/**
 * Says which project a folder is of, by what git tells of it while it is there, and by what was known of it when it is
 * gone: worktrees share a common folder, clones a remote or a first commit, and a renamed repository keeps both. Each
 * folder is asked for once.
 */
export function projectFinder(deps: ProjectDeps): (folder: string) => Promise<Project | null> {
  const asked = new Map<string, Promise<Project | null>>();
  return (folder) => {
    const known = asked.get(folder);
    if (known !== undefined) return known;
    const found = find(deps, folder);
    asked.set(folder, found);
    // One that failed may be told the next time.
    found.catch(() => asked.delete(folder));
    return found;
  };
}

async function find({ projects, clock, git }: ProjectDeps, folder: string): Promise<Project | null> {
  if (!isAbsolute(folder)) return null;
  const facts = await git(folder);
  if (facts === null) return (await knownAbove(projects, folder)) ?? keepFolder({ projects, clock }, folder);
  const all = await projects.list();
  const same = all.filter((project) => isSame(project, facts));
  const project: Project = {
    id: same[0]?.id ?? idOf(facts),
    commonDir: facts.commonDir,
    rootCommit: facts.rootCommit,
    remote: facts.remote,
    name: nameOf(facts),
  };
  const ids = same.map(({ id }) => id);
  await projects.keep(folder, project, clock.nowMs(), ids);
  if (facts.topLevel !== folder) await projects.keep(facts.topLevel, project, clock.nowMs(), ids);
  return project;
}

/**
 * One repository: the same shared folder, or the same remote; or the same first commit, unless both have a remote and
 * these differ (a fork, or two projects made from one template).
 */
export function isSame(
  project: Project,
  facts: Pick<GitFacts, "commonDir" | "remote" | "rootCommit">,
): boolean {
  if (project.commonDir === facts.commonDir) return true;
  if (project.remote !== null && project.remote === facts.remote) return true;
  const isFork = project.remote !== null && facts.remote !== null;
  return project.rootCommit !== null && project.rootCommit === facts.rootCommit && !isFork;
}

/** The project of the folder itself, or of the nearest one above it that is known. */
async function knownAbove(projects: ProjectStore, folder: string): Promise<Project | null> {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const project = await projects.ofPath(at);
    // A plain folder is a project by itself: what lies below it may be another.
    if (project !== null && (at === folder || project.commonDir !== null)) return project;
  }
  return null;
}

async function keepFolder({ projects, clock }: Omit<ProjectDeps, "git">, folder: string): Promise<Project> {
  const name = basename(folder) || folder;
  const project: Project = { id: hash(folder), commonDir: null, rootCommit: null, remote: null, name };
  await projects.keep(folder, project, clock.nowMs());
  return project;
}

function idOf({ remote, rootCommit, commonDir }: GitFacts): string {
  return hash(remote ?? rootCommit ?? commonDir);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function nameOf({ remote, commonDir, topLevel }: GitFacts): string {
  const last = remote?.split("/").at(-1) ?? "";
  if (last !== "") return last;
  return basename(commonDir.endsWith(`${sep}.git`) ? dirname(commonDir) : topLevel) || "repository";
}

/**
 * One spelling for all that name the same place, without user, password, protocol and `.git`; null for a folder of this
 * machine, which says nothing about the project.
 *
 * @example normaliseRemote("git@GitHub.com:dev/shop.git") // "github.com/dev/shop"
 */
export function normaliseRemote(remote: string): string | null {
  const text = remote.trim();
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)([^\s]+)$/.exec(text);
  const url = /^(?:https?|ssh|git):\/\/(?:[^@/\s]*@)?([^/\s:]+)(?::\d+)?\/([^\s?#]+)/i.exec(text);
  // One letter before a colon is a drive of Windows.
  const [, host = "", path = ""] = url ?? (scp !== null && (scp[1]?.length ?? 0) > 1 ? scp : []);
  const clean = path
    .replace(/^\/+/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/i, "");
  return host === "" || clean === "" ? null : `${host.toLowerCase()}/${clean}`;
}
