/**
 * Places for spaces, given to workers. `jobs.tenant` is the beginning of the space key, up to the separator that the workers
 * agreed on; it is written by a trigger, so that rows of other programs have it too. Another one ends an admission when its
 * space is claimed or taken over, in the same transaction.
 */
export const admission = /* sql */ `
alter table jobs add column tenant text not null default '';

create table fleet (
  id integer primary key not null check (id = 1),
  -- Null until a worker said how tenants are told from space keys.
  tenant_rule text,
  separator text not null default '/',
  is_paused integer not null default 0,
  last_served text
) strict;
insert into fleet (id) values (1);

update jobs set tenant = substr(job_key, 1, instr(job_key, '/') - 1) where instr(job_key, '/') > 0;
create trigger jobs_tenant after insert on jobs begin
  update jobs set tenant = (
    select case instr(new.job_key, separator) when 0 then '' else substr(new.job_key, 1, instr(new.job_key, separator) - 1) end
    from fleet
  ) where kind = new.kind and job_key = new.job_key;
end;

-- Without a worker: the space is put off until then.
create table admissions (
  space text primary key not null,
  tenant text not null,
  worker text,
  until integer not null
) strict, without rowid;
create trigger admissions_consumed after update of status on jobs
when new.status = 'running' and new.kind = 'memory_consolidate_global' begin
  delete from admissions where space = new.job_key;
end;

create table paused_tenants (tenant text primary key not null) strict, without rowid;

create table workers (
  worker text primary key not null,
  report text not null,
  beat_at integer not null
) strict, without rowid;

create index jobs_due_by_tenant
on jobs (tenant, max(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000), job_key)
where kind = 'memory_consolidate_global' and status <> 'running'
  and coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);
create index jobs_running on jobs (tenant, job_key) where kind = 'memory_consolidate_global' and status = 'running';
`;
