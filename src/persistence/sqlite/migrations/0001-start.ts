/**
 * `jobs` and `stage1_outputs` are the original's: its names, types, indexes, and Unix seconds. Columns of ours in
 * them have defaults, so that a writer who doesn't know them still can write. All other tables use milliseconds.
 */
export const start = /* sql */ `
create table jobs (
  kind text not null,
  job_key text not null,
  status text not null,
  worker_id text,
  ownership_token text,
  started_at integer,
  finished_at integer,
  lease_until integer,
  retry_at integer,
  retry_remaining integer not null,
  last_error text,
  input_watermark integer,
  last_success_watermark integer,
  fence integer not null default 0,
  last_beat_at integer,
  primary key (kind, job_key)
);
create index idx_jobs_kind_status_retry_lease on jobs (kind, status, retry_at, lease_until);

-- How a token's job was settled, so that a repeated settlement finds its own trace.
create table settlements (
  space text not null,
  token text not null,
  outcome text not null,
  at integer not null,
  primary key (space, token)
) strict, without rowid;

create table stage1_outputs (
  thread_id text not null,
  source_updated_at integer not null,
  raw_memory text not null,
  rollout_summary text not null,
  generated_at integer not null,
  rollout_slug text,
  space text not null default 'global',
  rollout_path text not null default '',
  cwd text not null default '',
  git_branch text,
  blank integer not null default 0,
  primary key (space, thread_id)
);
create index idx_stage1_outputs_source_updated_at on stage1_outputs (source_updated_at desc, thread_id desc);
create index stage1_outputs_latest on stage1_outputs (space, source_updated_at desc, thread_id desc) where blank = 0;

create table runs (
  id text primary key not null,
  space text not null,
  machine text not null,
  version text not null,
  hash text not null,
  state text not null,
  sequence integer not null,
  fence integer not null,
  owner text not null,
  snapshot text not null,
  created_at integer not null,
  updated_at integer not null,
  cancel_requested_at integer,
  parked text
) strict;
create index runs_by_space on runs (space, id);
create index runs_by_state on runs (state, id);
-- Runs that are over, by how their machine says they ended; for counts and lists.
create index runs_ended on runs (space, state,
  (case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end)) where state <> 'active';
create index runs_by_end on runs (id,
  (case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end)) where state <> 'active';
create index runs_to_cancel on runs (owner) where cancel_requested_at is not null and state = 'active';

-- The log. Machine events have a sequence, observations none. Ids grow over all runs and are never used twice.
create table events (
  id integer primary key autoincrement,
  run text not null references runs (id),
  sequence integer,
  at integer not null,
  type text not null,
  value text,
  data text not null
) strict;
create index events_by_run on events (run, id);
create unique index events_by_sequence on events (run, sequence) where sequence is not null;

create table intents (
  key text primary key not null,
  run text not null references runs (id),
  child text not null,
  kind text not null,
  src text not null,
  input text not null,
  due_at integer,
  opened integer not null,
  position integer not null,
  closed integer
) strict, without rowid;
create index intents_open on intents (run, opened, position) where closed is null;

create table blobs (
  hash text primary key not null,
  bytes blob not null
) strict;

create table run_inputs (
  run text not null,
  position integer not null,
  thread_id text not null,
  source_updated_at integer not null,
  raw_memory text not null references blobs (hash),
  rollout_summary text not null references blobs (hash),
  generated_at integer not null,
  rollout_slug text,
  rollout_path text not null,
  cwd text not null,
  git_branch text,
  primary key (run, position)
) strict, without rowid;

-- Numbered in the order of their commits: the highest number of a space is in effect.
create table generations (
  number integer primary key autoincrement,
  id text not null unique,
  space text not null,
  parent text,
  run text,
  kind text not null,
  created_at integer not null
) strict;
create index generations_by_space on generations (space, number);

create table generation_files (
  generation text not null references generations (id),
  position integer not null,
  path text not null,
  hash text not null references blobs (hash),
  bytes integer not null,
  primary key (generation, position)
) strict, without rowid;

-- Publishes beyond their point of no return that are not finished yet.
create table journal (
  number integer primary key,
  generation text not null unique references generations (id),
  space text not null,
  root text not null,
  steps text not null,
  opened_at integer not null
) strict;
create index journal_by_space on journal (space, number);
`;
