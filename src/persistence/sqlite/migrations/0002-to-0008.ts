/**
 * What generations were made of and from, drafts of dry runs, and what it takes to tell which blobs nobody names.
 * `unused_since`: when a blob was first found without a name; null while it has one, or nobody looked.
 */
export const generations = /* sql */ `
alter table generations add column agent text;
alter table generations add column findings integer;
alter table generations add column withdrawn_at integer;
alter table blobs add column unused_since integer;
create index blobs_unused on blobs (unused_since) where unused_since is not null;
create index generation_files_by_hash on generation_files (hash);
create index run_inputs_by_raw_memory on run_inputs (raw_memory);
create index run_inputs_by_rollout_summary on run_inputs (rollout_summary);
create index run_inputs_by_thread on run_inputs (thread_id);

-- The row a dry run claimed, as it was before.
alter table jobs add column before_claim text;

create table drafts (
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

create table draft_files (
  space text not null,
  draft text not null,
  position integer not null,
  path text not null,
  hash text not null references blobs (hash),
  bytes integer not null,
  primary key (space, draft, position),
  foreign key (space, draft) references drafts (space, hash) on delete cascade
) strict, without rowid;
create index draft_files_by_hash on draft_files (hash);
`;

/**
 * A step of a run is the store's hot path, and what it costs is the pages it touches. Its open intents move into the
 * run's row, since nobody asks for closed ones; the log needs one index instead of two, for the guard on the run's
 * row already gives each sequence to one commit; and no counter of row ids, for no row of the log is ever deleted.
 */
export const fewPages = /* sql */ `
alter table runs add column intents text not null default '[]';
update runs set intents = (
  select json_group_array(json_object('key', key, 'run', run, 'child', child, 'kind', kind, 'src', src,
    'input', input, 'dueAtMs', due_at) order by opened, position)
  from intents where intents.run = runs.id and closed is null);
drop table intents;
-- For people who look; nothing here reads it.
create view intents (key, run, child, kind, src, input, due_at) as
  select value ->> 'key', runs.id, value ->> 'child', value ->> 'kind', value ->> 'src', value ->> 'input',
    value ->> 'dueAtMs'
  from runs, json_each(runs.intents) order by runs.id, json_each.key;

-- The log. Machine events have a sequence, observations none. Ids grow over all runs; rows are never deleted, or
-- the last id would be given again.
create table log (
  id integer primary key,
  run text not null references runs (id),
  sequence integer,
  at integer not null,
  type text not null,
  value text,
  data text not null
) strict;
insert into log select id, run, sequence, at, type, value, data from events order by id;
drop table events;
alter table log rename to events;
create index events_by_run on events (run, id, sequence);
`;

/**
 * Unfinished runs are asked for all the time, of one space and of all: an index of them alone, which is small and
 * knows the owner, so that looking for what the dead left behind reads no run. No query needs the other states' order.
 */
export const activeRuns = /* sql */ `
drop index runs_by_state;
create index runs_active on runs (space, id, owner) where state = 'active';
`;

/**
 * A run is a system of actors: child machines keep a row of their own, so that a step rewrites only the actors that it
 * changed; the log says which actor an event went to. Signals are events that any process leaves for a run.
 */
export const actors = /* sql */ `
create table run_actors (
  run text not null references runs (id) on delete cascade,
  key text not null,
  begun integer not null,
  snapshot text not null,
  intents text not null default '[]',
  primary key (run, key)
) strict, without rowid;

alter table events add column actor text;

create table signals (
  id integer primary key autoincrement,
  run text not null references runs (id) on delete cascade,
  key text,
  event text not null,
  at integer not null,
  state text not null default 'open',
  sequence integer
) strict;
create unique index signals_by_key on signals (run, key) where key is not null;
create index signals_open on signals (run) where state = 'open';
create index signals_by_run on signals (run);

alter table runs add column paused_at integer;
create index runs_paused on runs (owner) where paused_at is not null and state = 'active';
`;

/** What in the files of a generation is a person's: their lines, and hashes of the lines they took away. */
export const handEdits = /* sql */ `
alter table generations add column hand_edits text;
`;

/**
 * Rows of `stage1_outputs` that another program writes are told from ours: `accepted` is null until a row has been held to
 * the rules of the import, and becomes null again when somebody else changes it. What is blank follows from the texts
 * instead of from whoever wrote them. `refused_threads` keeps purged threads away, by a hash under the store's own key.
 */
export const stage1Doors = /* sql */ `
drop index stage1_outputs_latest;
alter table stage1_outputs drop column blank;
-- White space as Unicode has it: SQL's own trim knows spaces only.
alter table stage1_outputs add column blank integer generated always as (
  trim(raw_memory, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201,
    8202, 8232, 8233, 8239, 8287, 12288)) = ''
  and trim(rollout_summary, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199,
    8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '') virtual;
create index stage1_outputs_latest on stage1_outputs (space, source_updated_at desc, thread_id desc) where blank = 0;

alter table stage1_outputs add column accepted integer;
create index stage1_outputs_unjudged on stage1_outputs (space) where accepted is null;
-- Our own writes count accepted up.
create trigger stage1_outputs_touched after update of thread_id, source_updated_at, raw_memory, rollout_summary,
  generated_at, rollout_slug, space, rollout_path, cwd, git_branch on stage1_outputs
when new.accepted is old.accepted and new.accepted is not null begin
  update stage1_outputs set accepted = null where rowid = new.rowid;
end;

create table refused_threads (
  -- Empty: in every space.
  space text not null,
  hash blob not null,
  primary key (space, hash)
) strict, without rowid;
create table refusal_key (key blob not null) strict;
insert into refusal_key values (randomblob(32));
`;

/**
 * What runs consolidated is kept once for each version of an input, not once for each run; `last_run` says which run
 * named it last, so that a run's list is taken away without a look at all others. A run's list is a JSON array of ids, in
 * the order of the selection. `holders`: which process holds an owner id or a lock.
 */
export const retention = /* sql */ `
create table recorded_inputs (
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
create index recorded_inputs_by_thread on recorded_inputs (thread_id, space);
create index recorded_inputs_by_raw_memory on recorded_inputs (raw_memory);
create index recorded_inputs_by_rollout_summary on recorded_inputs (rollout_summary);
create index recorded_inputs_by_last_run on recorded_inputs (last_run);

create table run_input_lists (
  run text primary key not null,
  space text not null,
  inputs text not null
) strict, without rowid;
create index run_input_lists_by_space on run_input_lists (space, run);

insert into recorded_inputs (space, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
    rollout_slug, rollout_path, cwd, git_branch, last_run)
  select ifnull(runs.space, '') as of, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
    rollout_slug, rollout_path, cwd, git_branch, max(run)
  from run_inputs left join runs on runs.id = run_inputs.run
  group by of, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at, rollout_slug, rollout_path,
    cwd, git_branch;
insert into run_input_lists (run, space, inputs)
  select run, ifnull(runs.space, ''), json_group_array(recorded_inputs.id order by position)
  from run_inputs left join runs on runs.id = run_inputs.run
  join recorded_inputs on recorded_inputs.space = ifnull(runs.space, '')
    and recorded_inputs.thread_id = run_inputs.thread_id
    and recorded_inputs.source_updated_at = run_inputs.source_updated_at
    and recorded_inputs.raw_memory = run_inputs.raw_memory
    and recorded_inputs.rollout_summary = run_inputs.rollout_summary
    and recorded_inputs.generated_at = run_inputs.generated_at
    and recorded_inputs.rollout_slug is run_inputs.rollout_slug
    and recorded_inputs.rollout_path = run_inputs.rollout_path
    and recorded_inputs.cwd = run_inputs.cwd
    and recorded_inputs.git_branch is run_inputs.git_branch
  group by run;
drop table run_inputs;

create index settlements_by_time on settlements (at);

create table holders (
  name text primary key not null,
  pid integer not null,
  start_time text,
  boot_id text,
  pid_namespace text
) strict, without rowid;
`;
