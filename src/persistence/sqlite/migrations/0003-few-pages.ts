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
