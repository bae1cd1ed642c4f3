import { readdirSync } from "node:fs";
import { type Clock, pause, settlesWithin } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { markOf } from "./environment.ts";
import {
  identityOf,
  isLiving,
  isStill,
  type ProcessIdentity,
  type ProcessRecord,
  type ProcessStat,
  readOrNull,
  readProcessRecord,
  readStat,
  writeProcessRecord,
} from "./process-record.ts";

/** What binds processes into one tree. */
interface TreeSigns {
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

export interface EndOptions {
  readonly clock: Clock;
  /** Time to end by itself after SIGTERM; 0 = SIGKILL at once. */
  readonly graceMs: number;
  /** Gets no SIGTERM: it goes by itself when those it holds are gone, and takes them along if it goes first. */
  readonly init?: number;
  /** How long SIGKILL is repeated while something still lives. */
  readonly killMs?: number;
}

const KILL_MS = 5_000;
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 80;

/**
 * Ends every process that `find` names: SIGTERM, a grace, SIGKILL, and again for whatever was forked meanwhile.
 * Resolves when a look finds nothing alive; rejects with `agent_unkillable` when it stays.
 */
export async function endTree(find: () => readonly ProcessStat[], options: EndOptions): Promise<void> {
  const { clock, graceMs, init, killMs = KILL_MS } = options;
  let members = find();
  if (members.length > 0 && graceMs > 0) {
    for (const member of members) if (member.pid !== init) signalSame(member, "SIGTERM");
    await untilGone(members, clock, graceMs);
    members = find();
  }
  const started = clock.monotonicMs();
  while (members.length > 0) {
    for (const member of members) signalSame(member, "SIGKILL");
    await untilGone(members, clock, Math.min(killMs, 1_000));
    members = find();
    if (members.length === 0) return;
    if (clock.monotonicMs() - started >= killMs) {
      const pids = members.slice(0, 5).map(({ pid }) => pid);
      throw new SlowwaveError(
        "agent_unkillable",
        `Processes of the agent could not be ended (pid ${pids.join(", ")}). End them by hand, then run \`slowwave recover\`.`,
      );
    }
    // What is found although it can't be hit must not make this spin.
    await pause(clock, LONGEST_LOOK_MS);
  }
}

/** Looks only at these few, in growing steps: a look through all of /proc is dear. */
async function untilGone(members: readonly ProcessStat[], clock: Clock, ms: number): Promise<void> {
  const started = clock.monotonicMs();
  for (let step = FIRST_LOOK_MS; members.some(isSame); step = Math.min(step * 2, LONGEST_LOOK_MS)) {
    const left = ms - (clock.monotonicMs() - started);
    if (left <= 0) return;
    await pause(clock, Math.min(step, left));
  }
}

function isSame(member: ProcessStat): boolean {
  const now = readStat(member.pid);
  return isLiving(now) && now.startTime === member.startTime;
}

/** The identity is read again right before the signal: a reused number is never hit. */
export function signalSame(member: ProcessStat, name: NodeJS.Signals): void {
  if (!isSame(member)) return;
  try {
    process.kill(member.pid, name);
  } catch {
    // Gone meanwhile, or not ours to signal: the next look decides.
  }
}

/** Where there is no /proc: the process group is all that is known of a tree. */
export async function endGroup(
  group: number,
  exited: Promise<void>,
  clock: Clock,
  graceMs: number,
): Promise<void> {
  if (graceMs > 0) {
    killGroup(group, "SIGTERM");
    if (await settlesWithin(clock, graceMs, exited)) return;
  }
  killGroup(group, "SIGKILL");
}

export function killGroup(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // Nobody is left in it.
  }
}

const FREEZE_MS = 5_000;
const LOOK_MS = 5;

/**
 * Stops every process that `find` names, and whatever they forked meanwhile, until a look finds none that runs. While
 * they stand still nothing of theirs is written. Rejects with `agent_unstoppable` when one goes on.
 */
export async function freezeTree(find: () => readonly ProcessStat[], clock: Clock): Promise<void> {
  const started = clock.monotonicMs();
  for (let awake = find().filter(isAwake); awake.length > 0; awake = find().filter(isAwake)) {
    if (clock.monotonicMs() - started >= FREEZE_MS) {
      const pids = awake.slice(0, 5).map(({ pid }) => pid);
      throw new SlowwaveError("agent_unstoppable", `The agent goes on working (pid ${pids.join(", ")}).`);
    }
    for (const member of awake) signalSame(member, "SIGSTOP");
    await pause(clock, LOOK_MS);
  }
}

export function thawTree(find: () => readonly ProcessStat[]): void {
  for (const member of find()) signalSame(member, "SIGCONT");
}

/** `T`: stopped by a signal; `t`: by a debugger. */
function isAwake({ state }: ProcessStat): boolean {
  return state !== "T" && state !== "t";
}

export interface ProcessTreeOptions {
  readonly leader: ProcessIdentity | null;
  /** Idempotency key of the start, in the mark. */
  readonly key: string;
  /** The leader is the init of the pid namespace in which the others live. */
  readonly usesPidNamespace: boolean;
  readonly clock: Clock;
}

/** The tree of a process that was started here and not waited for yet. Empty where there is no /proc. */
export interface ProcessTree {
  /**
   * Everything of it that lives. Who is ending has neither mark nor parent any more, but may hold its files still:
   * whoever was seen in one look is known in the next.
   */
  look(): readonly ProcessStat[];
  /** Processes of the pid namespace: the last of them goes a moment after its init. Seen once is enough. */
  lookInside(): void;
  /** All but the spared stand still until `thaw`. Rejects with `agent_unstoppable`. */
  freeze(spared: readonly ProcessStat[]): Promise<void>;
  thaw(): void;
}

export function createProcessTree({ leader, key, usesPidNamespace, clock }: ProcessTreeOptions): ProcessTree {
  let held: readonly ProcessIdentity[] = [];
  let seen: readonly ProcessStat[] = [];
  let isFrozen = false;

  function lookInside(): void {
    if (usesPidNamespace && leader !== null && held.length === 0) held = childrenOf(leader);
  }

  function look(): readonly ProcessStat[] {
    lookInside();
    seen = membersOf({ leader, mark: markOf(key), fresh: true, known: [...held, ...seen] });
    return seen;
  }

  return {
    look,
    lookInside,
    async freeze(spared) {
      isFrozen = true;
      const isSpared = (member: ProcessStat) =>
        spared.some(({ pid, startTime }) => pid === member.pid && startTime === member.startTime);
      // Thawed meanwhile, by who closes it, say: nobody is stopped any more.
      await freezeTree(() => (isFrozen ? look().filter((member) => !isSpared(member)) : []), clock);
    },
    thaw() {
      if (isFrozen) thawTree(look);
      isFrozen = false;
    },
  };
}

/**
 * Ends what a killed engine left running, by the record in the folder of its run. No grace: its owner is dead and
 * its work is thrown away. Returns whether a record was there; leaves it, so that it may be asked again, but
 * revoked, so that a start still under way in a process that merely stood still ends itself.
 */
export async function endOrphanProcess(runFolder: string, clock: Clock): Promise<boolean> {
  const record = await readProcessRecord(runFolder);
  if (record === null || record === "unreadable") return record !== null;
  if (record.reach === "in-process") return true;
  // Before the look: whatever starts after it sees this.
  if (!record.revoked) await writeProcessRecord(runFolder, { ...record, revoked: true });
  await endTree(() => membersOf(signsOf(record)), { clock, graceMs: 0 });
  return true;
}

/** What lives of an agent by the record in the folder of its run, whoever started it. */
export async function findOrphans(runFolder: string): Promise<readonly ProcessStat[]> {
  const record = await readProcessRecord(runFolder);
  if (record === null || record === "unreadable" || record.reach === "in-process") return [];
  return membersOf(signsOf(record));
}

function signsOf({ process, key }: ProcessRecord): TreeSigns {
  return { leader: process, mark: markOf(key), fresh: false };
}
