import { readdirSync } from "node:fs";
import {
  identityOf,
  isLiving,
  isStill,
  type ProcessIdentity,
  type ProcessStat,
  readOrNull,
  readStat,
} from "./process-identity.ts";

/** What binds processes into one tree. */
export interface TreeSigns {
  /** The process at its head; null when it died before it was known. */
  readonly leader: ProcessIdentity | null;
  /** `NAME=value` in the environment: what a double-forked child in a session of its own still carries. */
  readonly mark: string;
  /**
   * Whether session and group ids are proof: true for whoever started the leader and saw it end just now.
   * For an orphan only a living leader proves them, since a number may have been used again.
   */
  readonly fresh: boolean;
  /** Known from an earlier look: a process that is ending has no environment any more, and so no mark. */
  readonly known?: readonly Pick<ProcessIdentity, "pid" | "startTime">[];
}

/**
 * Everything alive that belongs to a tree: members of the leader's session or group, bearers of the mark, and
 * the descendants of all of these. Never this process itself. Linux only; empty elsewhere.
 * A child that left the session, lost its parents and wiped its environment is not found.
 */
export function membersOf(signs: TreeSigns): readonly ProcessStat[] {
  const all = livingProcesses();
  const roots = all.filter((stat) => isRoot(stat, signs));
  const found = new Map(roots.map((stat) => [stat.pid, stat]));
  const children = Map.groupBy(all, (stat) => stat.parent);
  const open = [...found.keys()];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of children.get(pid) ?? []) {
      if (found.has(child.pid)) continue;
      found.set(child.pid, child);
      open.push(child.pid);
    }
  }
  found.delete(process.pid);
  return [...found.values()];
}

/** None where the kernel doesn't tell, and none of a stranger who got the number since. */
export function childrenOf(parent: ProcessIdentity): readonly ProcessIdentity[] {
  if (!isStill(parent)) return [];
  const { pid } = parent;
  const children = readOrNull(`/proc/${pid}/task/${pid}/children`) ?? "";
  return children.split(" ").filter(Boolean).map(Number).map(identityOf);
}

function isRoot(stat: ProcessStat, { leader, mark, fresh, known = [] }: TreeSigns): boolean {
  if (stat.pid === process.pid) return false;
  if (known.some(({ pid, startTime }) => pid === stat.pid && startTime === stat.startTime)) return true;
  if (leader !== null && leader.startTime !== null) {
    if (isOfLeader(stat, leader, fresh)) return true;
    // Nothing of the tree is older than its head; reading every environment is dear.
    if (fresh && Number(stat.startTime) < Number(leader.startTime)) return false;
  }
  return bearsMark(stat, mark);
}

function isOfLeader(stat: ProcessStat, leader: ProcessIdentity, fresh: boolean): boolean {
  if (![stat.pid, stat.session, stat.group].includes(leader.pid)) return false;
  // The kernel gives no new process a number that is still a session's: a stranger at the head is a reuse.
  if (isStill(leader)) return true;
  return fresh && readStat(leader.pid) === null && Number(stat.startTime) >= Number(leader.startTime);
}

function bearsMark(stat: ProcessStat, mark: string): boolean {
  return readOrNull(`/proc/${stat.pid}/environ`)?.split("\0").includes(mark) ?? false;
}

function livingProcesses(): readonly ProcessStat[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter(isLiving);
}
