/**
 * Where sessions come from and what became of each (`sessions`), whose project a folder is of, which sentences of a
 * session its note rests on, what is never read, and where memories are shown to agents. The job of a session is a row of
 * `jobs` of its own kind.
 */
export const learning = /* sql */ `
create table sources (
  agent text not null,
  root text not null,
  seen_at integer not null,
  sessions integer not null,
  primary key (agent, root)
) strict, without rowid;

create table sessions (
  space text not null,
  key text not null,
  agent text not null,
  root text not null,
  path text not null,
  -- Equal as long as nothing of the session changed; updated_at (Unix seconds) grows whenever it differs.
  fingerprint text not null,
  updated_at integer not null,
  changed_at integer not null,
  bytes integer not null,
  said_at integer,
  first_at integer,
  cwd text,
  project text,
  branch text,
  version text,
  headless integer,
  parent text,
  persons integer,
  tools integer,
  verdict text not null,
  verdict_until integer,
  verdict_at integer not null,
  note_hash text,
  primary key (space, key)
) strict, without rowid;
create index sessions_by_time on sessions (space, changed_at desc, key);

create table evidence (
  space text not null,
  key text not null,
  position integer not null,
  tier text not null,
  said_at integer,
  text text not null,
  primary key (space, key, position)
) strict, without rowid;

create table projects (
  id text primary key not null,
  common_dir text,
  root_commit text,
  remote text,
  name text not null
) strict, without rowid;
create index projects_by_common_dir on projects (common_dir) where common_dir is not null;
create index projects_by_root_commit on projects (root_commit) where root_commit is not null;

create table project_paths (
  path text primary key not null,
  project text not null references projects (id),
  seen_at integer not null
) strict, without rowid;
create index project_paths_by_project on project_paths (project);

create table exclusions (
  pattern text primary key not null,
  at integer not null
) strict, without rowid;

create table connections (
  id text primary key not null,
  space text not null,
  agent text not null,
  how text not null,
  path text not null,
  kind text not null,
  state text not null,
  piece text,
  written_hash text not null,
  before_hash text,
  at integer not null
) strict, without rowid;
`;
