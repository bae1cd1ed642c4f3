import { defer, EMPTY, expand, filter, last, NEVER, Observable, repeat, take, timer } from "rxjs";
import type { AgentHandle } from "../domain/agent.ts";
import type { Clock } from "../domain/clock.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import { schedulerOf } from "../domain/scheduler.ts";
import {
  type AgentMeter,
  type BudgetName,
  type BudgetUse,
  budgetsOf,
  isNear,
  isOver,
  nearLimit,
  pastLimit,
  type RunLimits,
  SOFT_PART,
  type Used,
} from "../domain/usage.ts";
import { type Files, measureTree, type TreeSize } from "../files/folder.ts";
import { sandboxHome } from "../sandbox/sandbox.ts";

export interface FinishingDeps {
  readonly holder: Pick<LeaseHolder, "recordEvent">;
  readonly clock: Clock;
  readonly limits: RunLimits;
  readonly deadlineAtMs?: number | null;
}

/** The soft limits of one agent: it is asked to finish, once for each budget, before it is ended. */
export interface Finishing {
  /** Compares what the agent used with its budgets; asked after each event of a turn. */
  look(meter: AgentMeter): void;
  /** Emits once when most of the run's time is over, and it is time to look. */
  readonly timeIsNear$: Observable<unknown>;
  /** What it could not be told in the middle of a turn, to go with the next prompt; once. */
  unsaid(): string | null;
}

export function finishing(handle: AgentHandle, deps: FinishingDeps): Finishing {
  const { clock, holder, limits, deadlineAtMs = null } = deps;
  const reported = new Set<BudgetName>();
  let unsaid: string | null = null;

  function minutes(): number {
    if (deadlineAtMs === null || limits.maxRunMinutes === null) return 0;
    return limits.maxRunMinutes - (deadlineAtMs - clock.nowMs()) / 60_000;
  }

  function look(meter: AgentMeter): void {
    const near = nearlyUsed(meter.used(), limits, minutes()).filter(({ name }) => !reported.has(name));
    if (near.length === 0) return;
    for (const { name } of near) reported.add(name);
    const text = finishRequest(near);
    const note = (asked: boolean) => {
      if (!asked) unsaid = text;
      for (const budget of near) {
        const what = asked
          ? "the agent is asked to finish"
          : "the agent can't be asked to finish in its turn";
        holder.recordEvent("budget.near", { budget, asked, text: `${nearLimit(budget)}; ${what}` });
      }
    };
    if (handle.steer === undefined) note(false);
    else {
      meter.asked(text);
      handle.steer(text).then(
        () => note(true),
        () => note(false),
      );
    }
  }

  return {
    look,
    timeIsNear$: defer(() => {
      const minutesLeft = (limits.maxRunMinutes ?? 0) * SOFT_PART - minutes();
      const hasTime = deadlineAtMs !== null && limits.maxRunMinutes !== null && minutesLeft > 0;
      return hasTime ? timer(Math.ceil(minutesLeft * 60_000), schedulerOf(clock)) : NEVER;
    }),
    unsaid() {
      const text = unsaid;
      unsaid = null;
      return text;
    },
  };
}

const NO_TIME = { minutes: 0, silence: 0 };

/** Which limit this use is past, as a sentence with the numbers and the setting; null while all is well. */
export function exceeded(used: Used, limits: Partial<RunLimits>): string | null {
  const past = budgetsOf(used, limits, NO_TIME).find(isOver);
  return past === undefined ? null : pastLimit(past);
}

/** Budgets that are nearly used up. `minutes`: since the run began. */
export function nearlyUsed(used: Used, limits: Partial<RunLimits>, minutes: number): readonly BudgetUse[] {
  return budgetsOf(used, limits, { minutes, silence: 0 }).filter(isNear);
}

/** What the agent is asked when little of these budgets is left. */
export function finishRequest(uses: readonly BudgetUse[]): string {
  return `Little of this run's budget is left: ${uses.map(nearLimit).join("; ")}. Begin nothing new. Bring MEMORY.md and memory_summary.md to a good end now, check them, and finish: past the limit this work is thrown away.`;
}

/** A folder that an agent may write in, and what may be added to it. */
export interface GrowingFolder {
  readonly path: string;
  /** As sentences call it: "its workspace". */
  readonly title: string;
  /** Size from which growth counts; null = at the first look. */
  readonly start: TreeSize | null;
  /** Null = any number of bytes. */
  readonly maxBytes: number | null;
  readonly maxFiles: number;
  /** Name of the setting behind `maxBytes`, if there is one. */
  readonly setting?: string;
}

export interface GrowthOptions {
  readonly clock: Clock;
  readonly files: Files;
  readonly folders: readonly GrowingFolder[];
}

const LOOK_MS = 5_000;
/** Nobody reads more files of a memory than these; who adds more is filling the disk. */
const MAX_NEW_FILES = 20_000;
/** Native agents unpack themselves in their private home, and keep caches there. */
const MAX_HOME: TreeSize = { bytes: 1024 ** 3, files: 200_000 };

/** The folders of one run that its agent can write in: the workspace, and beside it a home and temporary files. */
export function growingFolders(
  places: { readonly workspace: string; readonly runFolder: string },
  { start, maxBytes }: { readonly start: TreeSize | null; readonly maxBytes: number | null },
): readonly GrowingFolder[] {
  const beside = { start: { bytes: 0, files: 0 }, maxBytes: MAX_HOME.bytes, maxFiles: MAX_HOME.files };
  return [
    {
      path: places.workspace,
      title: "its workspace",
      start,
      maxBytes,
      maxFiles: MAX_NEW_FILES,
      setting: "maxOutputBytes",
    },
    { path: sandboxHome(places.runFolder), title: "its private home", ...beside },
    { path: `${places.runFolder}/tmp`, title: "its temporary folder", ...beside },
  ];
}

/**
 * Looks every few seconds how much was added to folders: an agent must not fill the disk before the gate sees what it
 * wrote. Emits once, a sentence that names the amounts. A folder that can't be looked at just then is looked at the next
 * time.
 */
export function watchGrowth({ clock, files, folders }: GrowthOptions): Observable<string> {
  const starts = new Map(folders.map(({ path, start }) => [path, start]));

  async function look(isStopped: () => boolean): Promise<string | null> {
    for (const folder of folders) {
      // Nothing is opened for somebody who listens no more: the run is past its agent.
      if (isStopped()) return null;
      const start = starts.get(folder.path) ?? null;
      const size = await sizeOf(files, folder, start).catch(() => null);
      if (size === null) continue;
      const why = start === null ? null : grownPast(folder, start, size);
      if (why !== null) return why;
      if (start === null) starts.set(folder.path, size);
    }
    return null;
  }

  return new Observable((listener) =>
    defer(() => look(() => listener.closed))
      .pipe(
        repeat({ delay: () => timer(LOOK_MS, schedulerOf(clock)) }),
        filter((why) => why !== null),
        take(1),
      )
      .subscribe(listener),
  );
}

/** Looks no further than to what is too much. */
async function sizeOf(
  files: Files,
  { path, maxBytes, maxFiles }: GrowingFolder,
  start: TreeSize | null,
): Promise<TreeSize> {
  const enough =
    start === null
      ? {}
      : { enough: { bytes: start.bytes + (maxBytes ?? Infinity), files: start.files + maxFiles } };
  const folder = await files.open(path);
  try {
    return await measureTree(folder, enough);
  } finally {
    await folder.close();
  }
}

function grownPast(folder: GrowingFolder, start: TreeSize, size: TreeSize): string | null {
  const { title, maxBytes, maxFiles, setting } = folder;
  const [bytes, files] = [size.bytes - start.bytes, size.files - start.files];
  const named = setting === undefined ? "" : ` (${setting})`;
  if (maxBytes !== null && bytes > maxBytes) return `${added(bytes, "bytes", title, maxBytes)}${named}`;
  return files > maxFiles ? added(files, "files", title, maxFiles) : null;
}

function added(amount: number, noun: string, title: string, limit: number): string {
  const [grown, allowed] = [amount, limit].map((number) => number.toLocaleString("en-US"));
  return `the agent added ${grown} ${noun} to ${title}, ${allowed} are allowed`;
}

/**
 * Emits once when nothing was heard for so many minutes; null = never. One timer that is set again when it finds that
 * something was heard meanwhile: a talkative agent costs no timers. Both times are of the clock that never goes back;
 * `lastActivityMs`: when there was a sign of life that made no event.
 */
export function watchSilence(
  clock: Clock,
  minutes: number | null,
  lastEventMs: () => number,
  lastActivityMs: () => number = () => 0,
): Observable<unknown> {
  if (minutes === null) return NEVER;
  const ms = minutes * 60_000;
  const wait = (left: number) => timer(left, schedulerOf(clock));
  return wait(ms).pipe(
    expand(() => {
      const left = Math.max(lastEventMs(), lastActivityMs()) + ms - clock.monotonicMs();
      return left > 0 ? wait(left) : EMPTY;
    }),
    last(),
  );
}
