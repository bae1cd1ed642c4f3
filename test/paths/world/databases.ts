import { join } from "node:path";
import Database from "better-sqlite3";
import type { JobRow } from "../../../src/domain/job.ts";
import type { LocalStore } from "../../../src/domain/ports.ts";
import { JOB_COLUMNS } from "../../../src/persistence/columns.ts";
import { openSqliteStore } from "../../../src/persistence/sqlite/index.ts";

/** The database of one world: stores on it, and the test's own way to its tables. */
export interface WorldDatabase {
  /** An actor that reached for nothing for so long has no more to do: beside a server its files take their time, too. */
  readonly restMs: number;
  openStore(): Promise<LocalStore>;
  row(): Promise<JobRow | null>;
  /** Changes the row as another machine would. */
  change(columns: Partial<JobRow>): Promise<void>;
  deleteInputs(): Promise<void>;
  /** Keeps what the tables hold under the name of a folder, for worlds that begin with a copy of that folder. */
  keepAs(folder: string): Promise<void>;
  close(): void;
}

/** Where worlds have their databases. */
export interface Databases {
  /** `home` holds a copy of the folder `from`; null: of none, and the tables are empty. */
  open(home: string, from: string | null, nowMs: () => number): Promise<WorldDatabase>;
  close(): Promise<void>;
}

/** A file in the home of each world, which comes with the copy of the folder. */
export const onSqlite: Databases = {
  open: async (home) => {
    const path = join(home, "slowwave.db");
    let db: Database.Database | null = null;
    /** Opened after the store has made its tables. */
    const database = () => {
      db ??= new Database(path, { fileMustExist: true });
      return db;
    };
    return {
      restMs: 20,
      openStore: () => openSqliteStore({ path }),
      row: async () => database().prepare<[], JobRow>(jobQuery("jobs")).get() ?? null,
      change: async (columns) => {
        const assignments = Object.keys(columns).map((column) => `${column} = @${column}`);
        database()
          .prepare(`update jobs set ${assignments.join(", ")}`)
          .run(columns);
      },
      deleteInputs: async () => void database().exec("delete from stage1_outputs"),
      keepAs: async () => {},
      close: () => db?.close(),
    };
  },
  close: async () => {},
};

export function jobQuery(table: string): string {
  return `select ${JOB_COLUMNS.join(", ")} from ${table}`;
}
