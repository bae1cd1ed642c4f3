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
