/**
 * The tables of the SQLite store, in PostgreSQL's words. Keys compare by code points (`collate "C"`), times are Unix
 * milliseconds or, where the original has seconds, seconds. Texts of memories are bytes: a text column can't hold U+0000.
 *
 * Ids of the log are the number of the transaction times 4096 plus the row's place in it, so that their order is the order
 * of transactions: a follower that reads below the oldest unfinished transaction passes no row by. `log_base` is added, and
 * raised when a dump is restored into a cluster whose transactions count from lower.
 */
export const start = /* sql */ `
create function slowwave.now_ms() returns bigint language sql volatile
  as $$ select (extract(epoch from clock_timestamp()) * 1000)::bigint $$;

create table slowwave.log_base (only_row boolean primary key default true check (only_row), base bigint not null);
insert into slowwave.log_base (base) values (0);

create table slowwave.jobs (
  kind text collate "C" not null,
  job_key text collate "C" not null,
  status text not null,
  worker_id text,
  ownership_token text,
  started_at bigint,
  finished_at bigint,
  lease_until bigint,
  retry_at bigint,
  retry_remaining integer not null,
  last_error text,
  input_watermark bigint,
  last_success_watermark bigint,
  fence bigint not null default 0,
  last_beat_at bigint,
  before_claim text,
  -- Milliseconds: since when the row has been dirty.
  due_since bigint,
  primary key (kind, job_key)
) with (fillfactor = 70);
-- What is not dirty is never due, and most spaces are not. Of what is, those come first that wait longest.
create index jobs_due on slowwave.jobs (kind, (greatest(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000)), job_key)
  where coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);
create index jobs_errors on slowwave.jobs (kind, last_error, job_key) where last_error is not null;
create index jobs_running on slowwave.jobs (kind, job_key) where status = 'running';

create table slowwave.settlements (
  space text collate "C" not null,
  token text collate "C" not null,
  outcome text not null,
  at bigint not null,
  primary key (space, token)
);

create table slowwave.stage1_outputs (
  space text collate "C" not null,
  thread_id text collate "C" not null,
  source_updated_at bigint not null,
  raw_memory bytea not null,
  rollout_summary bytea not null,
  generated_at bigint not null,
  rollout_slug text,
  rollout_path text not null default '',
  cwd text not null default '',
  git_branch text,
  blank boolean not null,
  -- Its thread was refused after it had come in: no run takes it.
  refused boolean not null default false,
  primary key (space, thread_id)
);
create index stage1_outputs_latest on slowwave.stage1_outputs (space, source_updated_at desc, thread_id desc)
  where not blank and not refused;
create index stage1_outputs_by_thread on slowwave.stage1_outputs (thread_id);

create table slowwave.runs (
  id text collate "C" primary key,
  space text collate "C" not null,
  machine text not null,
  version text not null,
  hash text not null,
  state text collate "C" not null,
  -- Of an ended run: the status in its snapshot's context.
  status text collate "C",
  sequence integer not null,
  fence bigint not null,
  owner text collate "C" not null,
  snapshot text not null,
  intents text not null default '[]',
  -- Steps of the log with an id above this one hold patches that the snapshot lacks.
  logged bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  cancel_requested_at bigint,
  paused_at bigint,
  parked text
) with (fillfactor = 70);
create index runs_by_space on slowwave.runs (space, id);
create index runs_active on slowwave.runs (id) where state = 'active';
create index runs_active_by_owner on slowwave.runs (owner, id) where state = 'active';
create index runs_ended on slowwave.runs (space, state, status) where state <> 'active';
create index runs_by_end on slowwave.runs (status, id) where state <> 'active';

create table slowwave.events (
  id bigint primary key,
  run text collate "C" not null,
  sequence integer,
  at bigint not null,
  type text not null,
  value text,
  data text not null,
  actor text,
  patch text
);
create index events_by_run on slowwave.events (run, id);

-- Counts what is left for runs, for those who can't listen.
create sequence slowwave.leavings;

create table slowwave.run_actors (
  run text collate "C" not null references slowwave.runs (id) on delete cascade,
  key text collate "C" not null,
  begun integer not null,
  snapshot text not null,
  intents text not null default '[]',
  primary key (run, key)
) with (fillfactor = 70);

create table slowwave.signals (
  id bigint generated always as identity primary key,
  run text collate "C" not null references slowwave.runs (id) on delete cascade,
  key text collate "C",
  event text not null,
  at bigint not null,
  state text not null default 'open',
  sequence integer
);
create unique index signals_by_key on slowwave.signals (run, key) where key is not null;
create index signals_by_run on slowwave.signals (run);
create index signals_open on slowwave.signals (run) where state = 'open';

create table slowwave.blobs (hash text collate "C" primary key, bytes bytea not null, unused_since bigint);
create index blobs_unused on slowwave.blobs (unused_since) where unused_since is not null;

create table slowwave.recorded_inputs (
  id bigint generated always as identity primary key,
  space text collate "C" not null,
  thread_id text collate "C" not null,
  source_updated_at bigint not null,
  raw_memory text collate "C" not null references slowwave.blobs (hash),
  rollout_summary text collate "C" not null references slowwave.blobs (hash),
  generated_at bigint not null,
  rollout_slug text,
  rollout_path text not null,
  cwd text not null,
  git_branch text,
  last_run text collate "C" not null
);
create index recorded_inputs_by_last_run on slowwave.recorded_inputs (last_run);
create index recorded_inputs_by_raw_memory on slowwave.recorded_inputs (raw_memory);
create index recorded_inputs_by_rollout_summary on slowwave.recorded_inputs (rollout_summary);
create index recorded_inputs_by_thread on slowwave.recorded_inputs (thread_id, space);

create table slowwave.run_input_lists (
  run text collate "C" primary key,
  space text collate "C" not null,
  inputs bigint[] not null
);
create index run_input_lists_by_space on slowwave.run_input_lists (space, run);

create table slowwave.refusal_key (only_row boolean primary key default true check (only_row), key bytea not null);
insert into slowwave.refusal_key (key)
  values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
-- The space is empty where a thread is refused in every one.
create table slowwave.refused_threads (space text collate "C" not null, hash bytea not null, primary key (space, hash));

create table slowwave.generations (
  number bigint generated always as identity primary key,
  id text collate "C" not null unique,
  space text collate "C" not null,
  parent text,
  run text,
  kind text not null,
  created_at bigint not null,
  agent text,
  findings integer,
  withdrawn_at bigint,
  hand_edits text
);
create index generations_by_space on slowwave.generations (space, number);

create table slowwave.generation_files (
  generation text collate "C" not null references slowwave.generations (id),
  position integer not null,
  path text not null,
  hash text collate "C" not null references slowwave.blobs (hash),
  bytes bigint not null,
  primary key (generation, position)
);
create index generation_files_by_hash on slowwave.generation_files (hash);

create table slowwave.journal (
  number bigint generated always as identity primary key,
  generation text collate "C" not null unique references slowwave.generations (id),
  space text collate "C" not null,
  root text not null,
  steps text not null,
  opened_at bigint not null
);
create index journal_by_space on slowwave.journal (space, number);

create table slowwave.drafts (
  space text collate "C" not null,
  hash text collate "C" not null,
  run text collate "C" not null,
  base text,
  inputs_digest text not null,
  watermark bigint not null,
  input_limit bigint not null,
  agent text,
  findings integer not null,
  created_at bigint not null,
  primary key (space, hash)
);

create table slowwave.draft_files (
  space text collate "C" not null,
  draft text collate "C" not null,
  position integer not null,
  path text not null,
  hash text collate "C" not null references slowwave.blobs (hash),
  bytes bigint not null,
  primary key (space, draft, position),
  foreign key (space, draft) references slowwave.drafts (space, hash) on delete cascade
);
create index draft_files_by_hash on slowwave.draft_files (hash);

-- Who lives: a row that is renewed by the database's clock, and the session that renewed it where there is one.
create table slowwave.owners (
  id text collate "C" primary key,
  expires_at bigint not null,
  -- Of the session: its process, and when it began in microseconds.
  pid integer,
  began bigint
) with (fillfactor = 50);

create table slowwave.sessions (
  space text collate "C" not null,
  key text collate "C" not null,
  agent text collate "C" not null,
  root text not null,
  path text not null,
  fingerprint text not null,
  updated_at bigint not null,
  changed_at bigint not null,
  bytes bigint not null,
  said_at bigint,
  first_at bigint,
  cwd text,
  project text collate "C",
  branch text,
  version text,
  headless boolean,
  parent text,
  persons integer,
  tools integer,
  verdict text collate "C" not null,
  verdict_until bigint,
  verdict_at bigint not null,
  note_hash text,
  primary key (space, key)
);
create index sessions_by_time on slowwave.sessions (space, changed_at desc, key);
create index sessions_by_project on slowwave.sessions (project) where project is not null;

create table slowwave.evidence (
  space text collate "C" not null,
  key text collate "C" not null,
  position integer not null,
  tier text not null,
  said_at bigint,
  text bytea not null,
  primary key (space, key, position)
);

create table slowwave.exclusions (pattern text collate "C" primary key, at bigint not null);

create table slowwave.sources (
  agent text collate "C" not null,
  root text collate "C" not null,
  seen_at bigint not null,
  sessions integer not null,
  primary key (agent, root)
);

create table slowwave.projects (
  id text collate "C" primary key,
  common_dir text,
  root_commit text,
  remote text,
  name text not null
);

create table slowwave.project_paths (
  path text collate "C" primary key,
  project text collate "C" not null,
  seen_at bigint not null
);
create index project_paths_by_project on slowwave.project_paths (project);

create table slowwave.connections (
  id text collate "C" primary key,
  space text collate "C" not null,
  agent text collate "C" not null,
  how text not null,
  path text collate "C" not null,
  kind text not null,
  state text not null,
  piece text,
  written_hash text not null,
  before_hash text,
  at bigint not null
);
`;
