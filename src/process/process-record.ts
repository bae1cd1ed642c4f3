import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

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

/**
 * `<run folder>/agent.json`: what a later process needs to find an agent whose engine was killed. Written once
 * before anything starts (`process: null`), and again when the process is known.
 */
export interface ProcessRecord {
  readonly version: 1;
  /** The idempotency key of the start; also the value of the mark in the environment. */
  readonly key: string;
  readonly agent: string;
  /** Unix milliseconds of the intent. */
  readonly atMs: number;
  /**
   * How the tree is held and found: in a pid namespace, whose init (pid 1) takes all of it along when it dies, and which
   * dies with its engine; by session, group and a mark in the environment (Linux); by its process group only
   * (elsewhere, where orphans end by the closed pipe); or not at all (`in-process`: it died with its engine).
   */
  readonly reach: "pid-namespace" | "session-and-mark" | "process-group" | "in-process";
  readonly process: ProcessIdentity | null;
  /** Another process took over and ended what was there: a start that comes late must end itself. */
  readonly revoked: boolean;
}

const schema: z.ZodType<ProcessRecord> = z.object({
  version: z.literal(1),
  key: z.string(),
  agent: z.string(),
  atMs: z.number(),
  reach: z.enum(["pid-namespace", "session-and-mark", "process-group", "in-process"]),
  process: z
    .object({
      pid: z.int().positive(),
      startTime: z.string().nullable(),
      bootId: z.string().nullable(),
      pidNamespace: z.string().nullable(),
    })
    .nullable(),
  revoked: z.boolean(),
});

export function writeProcessRecord(runFolder: string, record: ProcessRecord): Promise<void> {
  return writeWhole(recordPath(runFolder), `${JSON.stringify(record)}\n`);
}

/** `unreadable`: there is one, but it can't be understood; something had been started. */
export async function readProcessRecord(runFolder: string): Promise<ProcessRecord | "unreadable" | null> {
  let text: string;
  try {
    text = await readFile(recordPath(runFolder), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return "unreadable";
  }
}

/** Name of the record in the folder of its run. */
export const PROCESS_RECORD = "agent.json";

function recordPath(runFolder: string): string {
  return join(runFolder, PROCESS_RECORD);
}

/** A small private file, whole or not at all, and on the disk when it returns. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
