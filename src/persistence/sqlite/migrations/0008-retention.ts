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
