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
