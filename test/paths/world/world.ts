import { accessSync, constants, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { JobRow } from "../../../src/domain/job.ts";
import { SCAN_LIMITS } from "../../../src/memory-files/memory-path.ts";
import { JOB_COLUMNS } from "../../../src/persistence/columns.ts";
import { openSqliteStore } from "../../../src/persistence/sqlite/index.ts";
import { type VirtualClock, virtualClock } from "../virtual-clock.ts";
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

/** Everything outside the engine: a real database file, real folders, agents, and a clock that only the test moves. */
export interface World {
  readonly home: string;
  readonly root: string;
  readonly staging: string;
  readonly rejected: string;
  readonly clock: VirtualClock;
  readonly faults: Faults;
  readonly agents: AgentYard;
  row(): JobRow | null;
  /** Someone else changes the row behind the engine's back. */
  change(columns: Partial<JobRow>): JobRow;
  sql(statement: string): void;
  openStore(): ReturnType<typeof openSqliteStore>;
  remove(): void;
}

/** A copy of a prepared home, or an empty one. */
export function openWorld(template: string | null = null): World {
  const home = newFolder("world");
  if (template !== null) cpSync(template, home, { recursive: true });
  const path = join(home, "slowwave.db");
  const broken = faults();
  let db: Database.Database | null = null;
  /** Opened after the store has made its tables. */
  const database = () => {
    db ??= new Database(path, { fileMustExist: true });
    return db;
  };
  const row = () => {
    const [found] = database()
      .prepare<[], JobRow>(`select ${JOB_COLUMNS.join(", ")} from jobs`)
      .all();
    return found ?? null;
  };
  return {
    home,
    root: join(home, "memories"),
    staging: join(home, "staging", RUN),
    rejected: join(home, "rejected", RUN),
    clock: virtualClock(START_MS),
    faults: broken,
    agents: agentYard(broken),
    row,
    change(columns) {
      const assignments = Object.keys(columns).map((column) => `${column} = @${column}`);
      database()
        .prepare(`update jobs set ${assignments.join(", ")}`)
        .run(columns);
      return row() as JobRow;
    },
    sql: (statement) => void database().exec(statement),
    openStore: () => openSqliteStore({ path }),
    remove() {
      db?.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
