import { accessSync, constants, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobRow } from "../../../src/domain/job.ts";
import type { LocalStore } from "../../../src/domain/ports.ts";
import { SCAN_LIMITS } from "../../../src/memory-files/memory-path.ts";
import { type VirtualClock, virtualClock } from "../virtual-clock.ts";
import { type Databases, onSqlite, type WorldDatabase } from "./databases.ts";
import { type Faults, faults } from "./faults.ts";
import { type AgentYard, agentYard } from "./scripted-agent.ts";

/** Few enough that an agent can leave too many files without costing the suite its time. */
SCAN_LIMITS.files = 40;

export const SPACE = "global";
export const RUN = "run";
/** 2026-11-22T12:00:00Z */
export const START_MS = Date.UTC(2026, 10, 22, 12);

/**
 * Thousands of homes come and go here, each synced to disk at every commit as shipped: in memory, where the system has
 * such a place for files, a sync costs nothing. A crash here is the death of a process; what the page cache forgets
 * is another test's matter.
 */
const PLACE = isWritable("/dev/shm") ? "/dev/shm" : tmpdir();

export function newFolder(name: string): string {
  return mkdtempSync(join(PLACE, `slowwave-${name}-`));
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Everything outside the engine: a real database, real folders, agents, and a clock that only the test moves. */
export interface World {
  readonly home: string;
  readonly root: string;
  readonly staging: string;
  readonly rejected: string;
  readonly clock: VirtualClock;
  readonly faults: Faults;
  readonly agents: AgentYard;
  readonly database: WorldDatabase;
  /** Calls to the store and the files that are not answered yet. */
  readonly underWay: Set<Promise<unknown>>;
  row(): Promise<JobRow | null>;
  /** Someone else changes the row behind the engine's back. */
  change(columns: Partial<JobRow>): Promise<void>;
  openStore(): Promise<LocalStore>;
  remove(): void;
}

/** A copy of a prepared home, or an empty one. */
export async function openWorld({
  template = null,
  databases = onSqlite,
  startMs = START_MS,
}: {
  readonly template?: string | null;
  readonly databases?: Databases;
  readonly startMs?: number;
}): Promise<World> {
  const home = newFolder("world");
  if (template !== null) cpSync(template, home, { recursive: true });
  const broken = faults();
  const clock = virtualClock(startMs);
  const database = await databases.open(home, template, () => clock.nowMs());
  return {
    home,
    root: join(home, "memories"),
    staging: join(home, "staging", RUN),
    rejected: join(home, "rejected", RUN),
    clock,
    faults: broken,
    agents: agentYard(broken),
    database,
    underWay: new Set(),
    row: () => database.row(),
    change: (columns) => database.change(columns),
    openStore: () => database.openStore(),
    remove() {
      database.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
