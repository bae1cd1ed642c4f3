import type { Database } from "better-sqlite3";
import type { Connection, ConnectionStore } from "../../domain/connection.ts";
import type { Project, ProjectStore } from "../../domain/session.ts";
import type { Writer } from "./writer.ts";

const COLUMNS = "id, common_dir as commonDir, root_commit as rootCommit, remote, name";

/** The tables `projects` and `project_paths`. */
export function sqliteProjects(db: Database, { write, read }: Writer): ProjectStore {
  const all = db.prepare<[], Project>(`select ${COLUMNS} from projects order by id`);
  const ofPath = db.prepare<[string], Project>(
    `select ${COLUMNS} from projects where id = (select project from project_paths where path = ?)`,
  );
  const paths = db
    .prepare<[string], string>("select path from project_paths where project = ? order by path")
    .pluck();
  const put = db.prepare<Project>(
    `insert into projects (id, common_dir, root_commit, remote, name)
       values (@id, @commonDir, @rootCommit, @remote, @name)
     on conflict (id) do update set common_dir = coalesce(excluded.common_dir, common_dir),
       root_commit = coalesce(excluded.root_commit, root_commit), remote = coalesce(excluded.remote, remote),
       name = excluded.name`,
  );
  const putPath = db.prepare<[string, string, number]>(
    `insert into project_paths (path, project, seen_at) values (?, ?, ?)
     on conflict (path) do update set project = excluded.project, seen_at = excluded.seen_at`,
  );
  const movePaths = db.prepare<[string, string]>("update project_paths set project = ? where project = ?");
  const moveSessions = db.prepare<[string, string]>("update sessions set project = ? where project = ?");
  const remove = db.prepare<[string]>("delete from projects where id = ?");
  return {
    list: () => read(() => all.all()),
    ofPath: (path) => read(() => ofPath.get(path) ?? null),
    pathsOf: (project) => read(() => paths.all(project)),
    keep: (path, project, nowMs, same = []) =>
      write(() => {
        put.run(project);
        putPath.run(path, project.id, nowMs);
        for (const other of same.filter((id) => id !== project.id)) {
          movePaths.run(project.id, other);
          moveSessions.run(project.id, other);
          remove.run(other);
        }
      }, 2),
  };
}

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
