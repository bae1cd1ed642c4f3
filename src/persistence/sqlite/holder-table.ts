import type { Database } from "better-sqlite3";
import type { ProcessIdentity } from "../../process/process-record.ts";
import type { Writer } from "./writer.ts";

/** Which process holds an owner id or a named lock: what a lock that the kernel dropped can't tell any more. */
export interface HolderTable {
  read(name: string): Promise<ProcessIdentity | null>;
  put(name: string, holder: ProcessIdentity): Promise<void>;
  remove(name: string): Promise<void>;
}

export function holderTable(db: Database, { write, read }: Writer): HolderTable {
  const select = db.prepare<[string], ProcessIdentity>(
    `select pid, start_time as startTime, boot_id as bootId, pid_namespace as pidNamespace
     from holders where name = ?`,
  );
  const insert = db.prepare<ProcessIdentity & { name: string }>(
    `insert or replace into holders (name, pid, start_time, boot_id, pid_namespace)
     values (@name, @pid, @startTime, @bootId, @pidNamespace)`,
  );
  const remove = db.prepare<[string]>("delete from holders where name = ?");
  return {
    read: (name) => read(() => select.get(name) ?? null),
    put: (name, holder) => write(() => void insert.run({ ...holder, name })),
    remove: (name) => write(() => void remove.run(name)),
  };
}
