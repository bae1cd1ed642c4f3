/**
 * Runs that are over and still have what only an unfinished run needs: the patches of their steps. A run without them has
 * -1 in `logged`.
 */
export const endedRuns = /* sql */ `
create index runs_with_patches on runs (space, id) where state in ('done', 'error') and logged >= 0;
`;
