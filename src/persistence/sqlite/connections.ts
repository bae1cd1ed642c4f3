import type { Database } from "better-sqlite3";
import type { Connection, ConnectionStore } from "../../domain/connection.ts";
import type { Writer } from "./writer.ts";

/** The table `connections`. */
export function sqliteConnections(db: Database, { write, read }: Writer): ConnectionStore {
  const all = db.prepare<[], Connection>(
    `select id, space, agent, how, path, kind, state, piece, written_hash as writtenHash, before_hash as beforeHash,
       at as atMs from connections order by agent, path, id`,
  );
  const put = db.prepare<Connection>(
    `insert or replace into connections (id, space, agent, how, path, kind, state, piece, written_hash, before_hash, at)
     values (@id, @space, @agent, @how, @path, @kind, @state, @piece, @writtenHash, @beforeHash, @atMs)`,
  );
  const remove = db.prepare<[string]>("delete from connections where id = ?");
  return {
    list: () => read(() => all.all()),
    save: (connection) => write(() => void put.run(connection)),
    remove: (id) => write(() => void remove.run(id)),
  };
}
