CREATE TABLE admissions (
  space text primary key not null,
  tenant text not null,
  worker text,
  until integer not null
) strict, without rowid;

CREATE TRIGGER admissions_consumed after update of status on jobs
when new.status = 'running' and new.kind = 'memory_consolidate_global' begin
  delete from admissions where space = new.job_key;
end;

CREATE TABLE blobs (
  hash text primary key not null,
  bytes blob not null
, unused_since integer) strict;

CREATE INDEX blobs_unused on blobs (unused_since) where unused_since is not null;

CREATE TABLE connections (
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

CREATE TABLE draft_files (
  space text not null,
  draft text not null,
  position integer not null,
  path text not null,
  hash text not null references blobs (hash),
  bytes integer not null,
  primary key (space, draft, position),
  foreign key (space, draft) references drafts (space, hash) on delete cascade
) strict, without rowid;

CREATE INDEX draft_files_by_hash on draft_files (hash);

CREATE TABLE drafts (
  space text not null,
  hash text not null,
  run text not null,
  base text,
  inputs_digest text not null,
  watermark integer not null,
  input_limit integer not null,
  agent text,
  findings integer not null,
  created_at integer not null,
  primary key (space, hash)
) strict, without rowid;

CREATE TABLE "events" (
  id integer primary key,
  run text not null references runs (id),
  sequence integer,
  at integer not null,
  type text not null,
  value text,
  data text not null
, actor text, patch text) strict;

CREATE INDEX events_by_run on events (run, id, sequence);

CREATE TABLE evidence (
  space text not null,
  key text not null,
  position integer not null,
  tier text not null,
  said_at integer,
  text text not null,
  primary key (space, key, position)
) strict, without rowid;

CREATE TABLE exclusions (
  pattern text primary key not null,
  at integer not null
) strict, without rowid;

CREATE TABLE fleet (
  id integer primary key not null check (id = 1),
  -- Null until a worker said how tenants are told from space keys.
  tenant_rule text,
  separator text not null default '/',
  is_paused integer not null default 0,
  last_served text
) strict;

CREATE TABLE generation_files (
  generation text not null references generations (id),
  position integer not null,
  path text not null,
  hash text not null references blobs (hash),
  bytes integer not null,
  primary key (generation, position)
) strict, without rowid;

CREATE INDEX generation_files_by_hash on generation_files (hash);

CREATE TABLE generations (
  number integer primary key autoincrement,
  id text not null unique,
  space text not null,
  parent text,
  run text,
  kind text not null,
  created_at integer not null
, agent text, findings integer, withdrawn_at integer, hand_edits text) strict;

CREATE INDEX generations_by_space on generations (space, number);

CREATE TABLE holders (
  name text primary key not null,
  pid integer not null,
  start_time text,
  boot_id text,
  pid_namespace text
) strict, without rowid;

CREATE INDEX idx_jobs_kind_status_retry_lease on jobs (kind, status, retry_at, lease_until);

CREATE INDEX idx_stage1_outputs_source_updated_at on stage1_outputs (source_updated_at desc, thread_id desc);

CREATE TABLE jobs (
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
  last_beat_at integer, before_claim text, due_since integer, tenant text not null default '',
  primary key (kind, job_key)
);

CREATE INDEX jobs_due on jobs (kind, max(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000), job_key)
  where coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);

CREATE INDEX jobs_due_by_tenant
on jobs (tenant, max(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000), job_key)
where kind = 'memory_consolidate_global' and status <> 'running'
  and coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);

CREATE INDEX jobs_errors on jobs (kind, last_error, job_key) where last_error is not null;

CREATE INDEX jobs_running on jobs (tenant, job_key) where kind = 'memory_consolidate_global' and status = 'running';

CREATE TRIGGER jobs_tenant after insert on jobs begin
  update jobs set tenant = (
    select case instr(new.job_key, separator) when 0 then '' else substr(new.job_key, 1, instr(new.job_key, separator) - 1) end
    from fleet
  ) where kind = new.kind and job_key = new.job_key;
end;

CREATE TABLE journal (
  number integer primary key,
  generation text not null unique references generations (id),
  space text not null,
  root text not null,
  steps text not null,
  opened_at integer not null
) strict;

CREATE INDEX journal_by_space on journal (space, number);

CREATE TABLE paused_tenants (tenant text primary key not null) strict, without rowid;

CREATE TABLE project_paths (
  path text primary key not null,
  project text not null references projects (id),
  seen_at integer not null
) strict, without rowid;

CREATE INDEX project_paths_by_project on project_paths (project);

CREATE TABLE projects (
  id text primary key not null,
  common_dir text,
  root_commit text,
  remote text,
  name text not null
) strict, without rowid;

CREATE INDEX projects_by_common_dir on projects (common_dir) where common_dir is not null;

CREATE INDEX projects_by_root_commit on projects (root_commit) where root_commit is not null;

CREATE TABLE recorded_inputs (
  id integer primary key,
  space text not null,
  thread_id text not null,
  source_updated_at integer not null,
  raw_memory text not null references blobs (hash),
  rollout_summary text not null references blobs (hash),
  generated_at integer not null,
  rollout_slug text,
  rollout_path text not null,
  cwd text not null,
  git_branch text,
  last_run text not null
) strict;

CREATE INDEX recorded_inputs_by_last_run on recorded_inputs (last_run);

CREATE INDEX recorded_inputs_by_raw_memory on recorded_inputs (raw_memory);

CREATE INDEX recorded_inputs_by_rollout_summary on recorded_inputs (rollout_summary);

CREATE INDEX recorded_inputs_by_thread on recorded_inputs (thread_id, space);

CREATE TABLE refusal_key (key blob not null) strict;

CREATE TABLE refused_threads (
  -- Empty: in every space.
  space text not null,
  hash blob not null,
  primary key (space, hash)
) strict, without rowid;

CREATE TABLE run_actors (
  run text not null references runs (id) on delete cascade,
  key text not null,
  begun integer not null,
  snapshot text not null,
  intents text not null default '[]',
  primary key (run, key)
) strict, without rowid;

CREATE TABLE run_input_lists (
  run text primary key not null,
  space text not null,
  inputs text not null
) strict, without rowid;

CREATE INDEX run_input_lists_by_space on run_input_lists (space, run);

CREATE TABLE runs (
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
, intents text not null default '[]', paused_at integer, logged integer not null default 0) strict;

CREATE INDEX runs_active on runs (space, id, owner) where state = 'active';

CREATE INDEX runs_by_end on runs (id,
  (case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end)) where state <> 'active';

CREATE INDEX runs_by_space on runs (space, id);

CREATE INDEX runs_ended on runs (space, state,
  (case when json_valid(snapshot) and json_type(snapshot, '$.context.status') = 'text'
    then json_extract(snapshot, '$.context.status') end)) where state <> 'active';

CREATE INDEX runs_paused on runs (owner) where paused_at is not null and state = 'active';

CREATE INDEX runs_to_cancel on runs (owner) where cancel_requested_at is not null and state = 'active';

CREATE INDEX runs_with_patches on runs (space, id) where state in ('done', 'error') and logged >= 0;

CREATE TABLE sessions (
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

CREATE INDEX sessions_by_time on sessions (space, changed_at desc, key);

CREATE TABLE settlements (
  space text not null,
  token text not null,
  outcome text not null,
  at integer not null,
  primary key (space, token)
) strict, without rowid;

CREATE INDEX settlements_by_time on settlements (at);

CREATE TABLE signals (
  id integer primary key autoincrement,
  run text not null references runs (id) on delete cascade,
  key text,
  event text not null,
  at integer not null,
  state text not null default 'open',
  sequence integer
) strict;

CREATE UNIQUE INDEX signals_by_key on signals (run, key) where key is not null;

CREATE INDEX signals_by_run on signals (run);

CREATE INDEX signals_open on signals (run) where state = 'open';

CREATE TABLE sources (
  agent text not null,
  root text not null,
  seen_at integer not null,
  sessions integer not null,
  primary key (agent, root)
) strict, without rowid;

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE stage1_outputs (
  thread_id text not null,
  source_updated_at integer not null,
  raw_memory text not null,
  rollout_summary text not null,
  generated_at integer not null,
  rollout_slug text,
  space text not null default 'global',
  rollout_path text not null default '',
  cwd text not null default '',
  git_branch text, blank integer generated always as (
  trim(raw_memory, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201,
    8202, 8232, 8233, 8239, 8287, 12288)) = ''
  and trim(rollout_summary, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199,
    8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '') virtual, accepted integer,
  primary key (space, thread_id)
);

CREATE INDEX stage1_outputs_latest on stage1_outputs (space, source_updated_at desc, thread_id desc) where blank = 0;

CREATE TRIGGER stage1_outputs_touched after update of thread_id, source_updated_at, raw_memory, rollout_summary,
  generated_at, rollout_slug, space, rollout_path, cwd, git_branch on stage1_outputs
when new.accepted is old.accepted and new.accepted is not null begin
  update stage1_outputs set accepted = null where rowid = new.rowid;
end;

CREATE INDEX stage1_outputs_unjudged on stage1_outputs (space) where accepted is null;

CREATE TABLE workers (
  worker text primary key not null,
  report text not null,
  beat_at integer not null
) strict, without rowid;
