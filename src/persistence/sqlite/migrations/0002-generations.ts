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
