/**
 * Since when a job is due, by the clock of the store, so that the longest due is found first without reading the others;
 * and jobs by their error, so that a recovery finds what a failed publish left. Of rows that were dirty before nobody
 * knows since when: they go first.
 */
export const due = /* sql */ `
alter table jobs add column due_since integer;
create index jobs_due on jobs (kind, max(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000), job_key)
  where coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);
create index jobs_errors on jobs (kind, last_error, job_key) where last_error is not null;
`;
