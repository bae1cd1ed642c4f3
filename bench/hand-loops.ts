import { join } from "node:path";
import Database from "better-sqlite3";
import { eightCommits } from "./eight-commits.ts";

export interface Contestant {
  run(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What a person would write who needs no engine, with the same nine commits: state, event and next effect byte for
 * byte, guarded by fence and sequence, in a log that is numbered over all runs and read by run.
 */
export async function sameCommits(folder: string): Promise<Contestant> {
  const db = opened(folder);
  db.exec(`create table run(id text primary key, state text not null, sequence int not null, fence int not null,
      snapshot text not null, intents text not null, updated_at int not null) strict;
    create table event(id integer primary key, run text not null, sequence int not null, at int not null,
      type text not null, value text not null, data text not null) strict;
    create index event_by_run on event(run, id)`);
  const begin = db.prepare("insert into run values(?, 'active', 0, 0, ?, ?, ?)");
  const record = db.prepare(
    "insert into event(run, sequence, at, type, value, data) values(?, ?, ?, ?, ?, ?)",
  );
  const advance =
    db.prepare(`update run set state = ?, sequence = ?, snapshot = ?, intents = ?, updated_at = ?
    where id = ? and sequence = ? and fence = ? and state = 'active'`);
  const commitOf = await eightCommits();
  const parsed = Array.from({ length: 9 }, (_, at) => {
    const { snapshot, event } = commitOf("", at, 0);
    return { snapshot: JSON.parse(snapshot) as object, event: JSON.parse(event) as object };
  });
  const commit = db.transaction((id: string, at: number) => {
    const now = Date.now();
    const { state, value, eventType, intents } = commitOf(id, at, now);
    const snapshot = JSON.stringify(parsed[at]?.snapshot);
    const open = JSON.stringify(intents);
    if (at === 0) begin.run(id, snapshot, open, now);
    else if (advance.run(state, at, snapshot, open, now, id, at - 1, 0).changes !== 1)
      throw new Error("not ours");
    record.run(id, at, now, eventType, value, JSON.stringify(parsed[at]?.event));
  });
  let count = 0;
  return {
    async run() {
      const id = `01k826jd8acrp${String(count++).padStart(5, "0")}`;
      for (let at = 0; at <= 8; at += 1) commit.immediate(id, await Promise.resolve(at));
    },
    close: async () => void db.close(),
  };
}

/** The least that can be called durable: two short rows a step, numbers for keys, no effects, no guard but the step. */
export async function bareLoop(folder: string): Promise<Contestant> {
  const db = opened(folder);
  db.exec(`create table run(id integer primary key, state text not null, step int not null, snapshot text not null) strict;
    create table event(run int, seq int, type text, data text, primary key(run, seq)) strict, without rowid`);
  const begin = db.prepare("insert into run(state, step, snapshot) values('active', 0, ?)");
  const record = db.prepare("insert into event values(?, ?, ?, ?)");
  const advance = db.prepare("update run set state = ?, step = ?, snapshot = ? where id = ? and step = ?");
  const snapshotAt = (at: number) =>
    JSON.stringify({ status: "active", value: `s${at}`, context: { done: at } });
  const claim = db.transaction(() => {
    const id = Number(begin.run(snapshotAt(0)).lastInsertRowid);
    record.run(id, 0, "init", "{}");
    return id;
  });
  const step = db.transaction((id: number, at: number, output: number) => {
    record.run(id, at, "done", JSON.stringify({ output }));
    advance.run(at === 8 ? "done" : "active", at, snapshotAt(output), id, at - 1);
  });
  return {
    async run() {
      const id = claim.immediate();
      for (let at = 1; at <= 8; at += 1) step.immediate(id, at, await Promise.resolve(at));
    },
    close: async () => void db.close(),
  };
}

function opened(folder: string): Database.Database {
  const db = new Database(join(folder, "loop.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  return db;
}
