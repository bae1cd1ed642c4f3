/**
 * A step of a run is one row of the log, with what it changed of the run's state: patch. The whole state, in the run's
 * own row, is written when the run begins and ends and every few steps; logged is the log row it is of, so that the
 * patches since then are found at once.
 */
export const patches = /* sql */ `
alter table events add column patch text;
alter table runs add column logged integer not null default 0;
update runs set logged = (select ifnull(max(id), 0) from events);
drop view intents;
`;
