/**
 * Unfinished runs are asked for all the time, of one space and of all: an index of them alone, which is small and
 * knows the owner, so that looking for what the dead left behind reads no run. No query needs the other states' order.
 */
export const activeRuns = /* sql */ `
drop index runs_by_state;
create index runs_active on runs (space, id, owner) where state = 'active';
`;
