import type { Connection, ConnectionStore } from "../../domain/connection.ts";
import type { Project, ProjectStore } from "../../domain/session.ts";
import { type Database, lockOf } from "./database.ts";

const PROJECT = `select id, common_dir as "commonDir", root_commit as "rootCommit", remote, name from slowwave.projects`;

/** The tables `projects` and `project_paths`. */
export function postgresProjects(db: Database): ProjectStore {
  return {
    list: async () => (await db.query<Project>(`${PROJECT} order by id`)).rows,
    ofPath: async (path) => {
      const sql = `${PROJECT} where id = (select project from slowwave.project_paths where path = $1)`;
      return (await db.query<Project>(sql, [path])).rows[0] ?? null;
    },
    pathsOf: async (project) => {
      const sql = "select path from slowwave.project_paths where project = $1 order by path";
      return (await db.query<{ path: string }>(sql, [project])).rows.map(({ path }) => path);
    },
    keep: (path, { id, commonDir, rootCommit, remote, name }, nowMs, same = []) =>
      db.transaction(
        async (query) => {
          await query(
            `insert into slowwave.projects (id, common_dir, root_commit, remote, name) values ($1, $2, $3, $4, $5)
             on conflict (id) do update set common_dir = coalesce(excluded.common_dir, projects.common_dir),
               root_commit = coalesce(excluded.root_commit, projects.root_commit),
               remote = coalesce(excluded.remote, projects.remote), name = excluded.name`,
            [id, commonDir, rootCommit, remote, name],
          );
          await query(
            `insert into slowwave.project_paths (path, project, seen_at) values ($1, $2, $3)
             on conflict (path) do update set project = excluded.project, seen_at = excluded.seen_at`,
            [path, id, nowMs],
          );
          const others = same.filter((other) => other !== id);
          if (others.length === 0) return;
          const moved = [id, others];
          await query(
            "update slowwave.project_paths set project = $1 where project = any ($2::text[])",
            moved,
          );
          await query("update slowwave.sessions set project = $1 where project = any ($2::text[])", moved);
          await query("delete from slowwave.projects where id = any ($1::text[])", [others]);
        },
        { locks: [lockOf(db.schema, "projects")] },
      ),
  };
}

/** The table `connections`. */
export function postgresConnections(db: Database): ConnectionStore {
  return {
    list: async () => {
      const { rows } = await db.query<Connection>(
        `select id, space, agent, how, path, kind, state, piece, written_hash as "writtenHash",
           before_hash as "beforeHash", at as "atMs" from slowwave.connections order by agent, path, id`,
      );
      return rows;
    },
    save: async ({ id, space, agent, how, path, kind, state, piece, writtenHash, beforeHash, atMs }) => {
      await db.query(
        `insert into slowwave.connections
           (id, space, agent, how, path, kind, state, piece, written_hash, before_hash, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (id) do update set space = excluded.space, agent = excluded.agent, how = excluded.how,
           path = excluded.path, kind = excluded.kind, state = excluded.state, piece = excluded.piece,
           written_hash = excluded.written_hash, before_hash = excluded.before_hash, at = excluded.at`,
        [id, space, agent, how, path, kind, state, piece, writtenHash, beforeHash, atMs],
      );
    },
    remove: async (id) => {
      await db.query("delete from slowwave.connections where id = $1", [id]);
    },
  };
}
