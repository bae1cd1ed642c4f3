import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { KnownCall, PermissionRequest } from "./messages.ts";

export interface PermissionPolicy {
  /** The one place where it may write. */
  readonly workspace: string;
  /** Something but its own word keeps the agent there. */
  readonly isConfined: boolean;
  /** It has a sandbox for its commands and asks only for those that are to run outside of it. */
  readonly asksToLeave: boolean;
}

/** What is answered to `session/request_permission`. */
export type PermissionOutcome =
  | { readonly outcome: "selected"; readonly optionId: string }
  | { readonly outcome: "cancelled" };

/**
 * Whether an agent may do what it asks for. What it does and where is its own claim: a sandbox is the barrier,
 * this keeps an honest agent from going astray.
 */
export async function isAllowed(
  call: KnownCall,
  { workspace, isConfined, asksToLeave }: PermissionPolicy,
): Promise<boolean> {
  const inside = async (paths: readonly string[]) =>
    (await Promise.all(paths.map((path) => liesInside(workspace, path)))).every(Boolean);
  switch (call.kind) {
    case "think":
      return true;
    case "read":
    case "search":
      return isConfined || inside(call.paths.filter((path) => resolve(workspace, path) !== workspace));
    case "edit":
    case "delete":
    case "move":
      // One that names no place can't be judged.
      return call.paths.length > 0 && inside(call.paths);
    case "execute":
      return isConfined && !asksToLeave;
    default:
      return false;
  }
}

/** Only for once, never for always: the next one is judged anew. */
export function canGrant({ options }: PermissionRequest): boolean {
  return options.some(({ kind }) => kind === "allow_once");
}

/** An agent that offers no refusal hears that it was cancelled. */
export function outcomeOf(isGranted: boolean, { options }: PermissionRequest): PermissionOutcome {
  for (const kind of isGranted ? ["allow_once"] : ["reject_once", "reject_always"]) {
    const found = options.find((option) => option.kind === kind);
    if (found !== undefined) return { outcome: "selected", optionId: found.optionId };
  }
  return { outcome: "cancelled" };
}

/**
 * Whether writing to this path writes in the folder: with every link on the way followed, and never through a file
 * that has a second name. What is not there yet is judged by the nearest folder that is. False for the folder itself
 * and for whatever is unclear.
 */
export async function liesInside(folder: string, path: string): Promise<boolean> {
  // Before links are followed, a `..` means something else than after.
  if (path === "" || path.includes("\0") || path.split(sep).includes("..")) return false;
  try {
    const [root, target] = await Promise.all([realpath(folder), landing(resolve(folder, path))]);
    if (target === null) return false;
    const way = relative(root, target);
    return way !== "" && way.split(sep)[0] !== ".." && !isAbsolute(way);
  } catch {
    return false;
  }
}

/** Where a write to this path would land; null for a link to nowhere and for a file with several names. */
async function landing(path: string): Promise<string | null> {
  const rest: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(orAbsent);
    if (real === null) {
      if ((await lstat(at).catch(orAbsent)) !== null) return null;
      rest.unshift(basename(at));
      continue;
    }
    if (rest.length > 0) return join(real, ...rest);
    const found = await stat(real);
    return found.isFile() && found.nlink > 1 ? null : real;
  }
}

function orAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
