import { readFileSync, readlinkSync } from "node:fs";

/**
 * Which process it was, so that a reused process id is never taken for it. All null but `pid` where the
 * platform has no /proc: such a process is known only to the process that started it.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/<pid>/stat. */
  readonly startTime: string | null;
  readonly bootId: string | null;
  /** The namespace the pid is a number of, e.g. `pid:[4026531836]`. */
  readonly pidNamespace: string | null;
}

/** What one look at /proc/<pid>/stat tells. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTime: string;
}

export const HAS_PROC = process.platform === "linux";

/** Null when there is no such process, or no /proc. */
export function readStat(pid: number): ProcessStat | null {
  const text = readOrNull(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name in parentheses may hold spaces and parentheses itself: fields are counted after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTime = fields[19];
  if (state === undefined || startTime === undefined) return null;
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), startTime };
}

/** A zombie is dead: it holds nothing but its number. */
export function isLiving(stat: ProcessStat | null): stat is ProcessStat {
  return stat !== null && stat.state !== "Z" && stat.state !== "X";
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: readStat(pid)?.startTime ?? null, bootId: bootId(), pidNamespace: pidNamespace() };
}

/** Whether this number still stands for this very process, be it a zombie. Anything unclear is no. */
export function isStill(identity: ProcessIdentity): boolean {
  if (identity.startTime === null || identity.bootId !== bootId()) return false;
  if (identity.pidNamespace !== pidNamespace()) return false;
  return readStat(identity.pid)?.startTime === identity.startTime;
}

function bootId(): string | null {
  return readOrNull("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

function pidNamespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}

export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}
