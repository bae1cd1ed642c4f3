/**
 * Workers with places free look in turn, and so must know how many they are; those of the version before, which says
 * nothing, count as such. And the runs that are over and still have patches are found without looking at all the others.
 */
export const sharing = /* sql */ `
alter table slowwave.workers add column is_free boolean not null default true;
create index runs_with_patches on slowwave.runs (space, id) where state in ('done', 'error') and logged >= 0;
`;
