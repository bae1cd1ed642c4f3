/** A row that is dirty and not running, in the words of the index by tenant. */
const OPEN = `j.kind = 'memory_consolidate_global' and j.status <> 'running'
      and coalesce(j.input_watermark, 0) > coalesce(j.last_success_watermark, 0)`;
const DUE_AT = "greatest(coalesce(j.due_since, 0), coalesce(j.retry_at, 0) * 1000)";
/** What the claim's rules say of a row that is dirty and runs nowhere. */
const MAY_TRY = `coalesce(j.retry_at, 0) <= now_s and 3 - j.retry_remaining < tries
      and not (cooldown > 0 and j.last_error is null and coalesce(j.finished_at, 0) > now_s - cooldown)`;
const UNTOUCHED = "not exists (select 1 from slowwave.admissions a where a.space = j.job_key)";
/** Running by its row, but its lease is over. */
const EXPIRED = `j.kind = 'memory_consolidate_global' and j.status = 'running' and coalesce(j.lease_until, 0) <= now_s
      and coalesce(j.input_watermark, 0) > coalesce(j.last_success_watermark, 0) and ${MAY_TRY}`;

const tables = /* sql */ `
create table slowwave.fleet (
  only_row boolean primary key default true check (only_row),
  -- Null until a worker said how tenants are told from space keys.
  tenant_rule text,
  separator text not null default '/',
  is_paused boolean not null default false,
  last_served text collate "C"
);
create table slowwave.paused_tenants (tenant text collate "C" primary key);
-- Without a worker: the space is put off until then.
create table slowwave.admissions (
  space text collate "C" primary key,
  tenant text collate "C" not null,
  worker text collate "C",
  until bigint not null
) with (fillfactor = 70);
create table slowwave.workers (
  worker text collate "C" primary key,
  report text not null,
  beat_at bigint not null
) with (fillfactor = 50);

-- The beginning of the space key, up to the separator that the workers agreed on.
create function slowwave.tenant_of(key text) returns text language sql stable as $$
  select case position(s.separator in key) when 0 then '' else left(key, position(s.separator in key) - 1) end
  from (select coalesce((select separator from slowwave.fleet), '/') as separator) s
$$;
alter table slowwave.jobs add column tenant text collate "C" not null default '';
update slowwave.jobs set tenant = slowwave.tenant_of(job_key) where position('/' in job_key) > 0;
create index jobs_due_by_tenant
  on slowwave.jobs (tenant, (greatest(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000)), job_key)
  where kind = 'memory_consolidate_global' and status <> 'running'
    and coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0);
`;

/** Triggers, so that the version before, which knows no tenants, writes rows that fit while workers are replaced. */
const triggers = /* sql */ `
create function slowwave.set_tenant() returns trigger language plpgsql as $$
begin
  new.tenant := slowwave.tenant_of(new.job_key);
  return new;
end $$;
create trigger jobs_tenant before insert on slowwave.jobs for each row execute function slowwave.set_tenant();

create function slowwave.consume_admission() returns trigger language plpgsql as $$
begin
  delete from slowwave.admissions where space = new.job_key;
  return null;
end $$;
create trigger admissions_consumed after update of status on slowwave.jobs for each row
  when (new.status = 'running' and new.kind = 'memory_consolidate_global')
  execute function slowwave.consume_admission();

-- A space is due, or a place is free: heard by workers that have a session of their own.
create function slowwave.notify_due() returns trigger language plpgsql as $$
begin
  perform pg_notify('slowwave_due_' || left(encode(sha256(convert_to(tg_table_schema, 'UTF8')), 'hex'), 16), '');
  return null;
end $$;
create trigger jobs_due_inserted after insert on slowwave.jobs for each row
  when (new.kind = 'memory_consolidate_global' and new.due_since is not null)
  execute function slowwave.notify_due();
create trigger jobs_due_updated after update of status, due_since on slowwave.jobs for each row
  when (new.kind = 'memory_consolidate_global' and new.status <> 'running'
    and (old.status = 'running' or (old.due_since is null and new.due_since is not null)))
  execute function slowwave.notify_due();
`;

/** Places taken by tenant: running jobs, and spaces that are admitted. */
const TAKEN = `taken as materialized (
      select u.tenant, count(*)::integer as places from (
        select j.tenant, j.job_key as space from slowwave.jobs j
        where j.kind = 'memory_consolidate_global' and j.status = 'running'
        union
        select a.tenant, a.space from slowwave.admissions a where a.worker is not null
      ) u group by u.tenant
    )`;

/** The first tenant behind another one in the index; null behind the last. */
const nextTenant = (after: string) =>
  `select j.tenant from slowwave.jobs j where ${OPEN} and j.tenant > ${after} order by j.tenant limit 1`;

const OLDEST = `select j.job_key from slowwave.jobs j
      where ${OPEN} and j.tenant = t.tenant and ${DUE_AT} <= now_at and ${MAY_TRY} and ${UNTOUCHED}
      order by ${DUE_AT}, j.job_key limit 1`;

/**
 * `chooseSpaces` of the domain, in the database: one call and no list of all that is due. Tenants are found one after the
 * other in the index, beginning behind the one that was served last, and only as many as get a place; those that have some
 * come level by level. Its plans are guessed to be dear and are not, so that compiling them would take ten times as long as
 * running them. Repeated after its answer was lost it gives other places, and the lost ones lapse.
 */
const admit = /* sql */ `
create function slowwave.admit(
  lock_key bigint, asked_now bigint, asker text, wanted integer, fleet_limit integer, tenant_limit integer,
  own_limits jsonb, cooldown float8, tries integer, admission_ms bigint
) returns table (space text, tenant text) language plpgsql volatile set jit = off as $$
#variable_conflict use_column
declare
  now_at bigint := coalesce(asked_now, slowwave.now_ms());
  now_s bigint := now_at / 1000;
  is_closed boolean;
  served_before text collate "C";
  served text collate "C";
  has_served boolean := false;
  free integer;
  level integer;
  found_level integer;
begin
  -- A fleet that rests takes no lock.
  if wanted <= 0 or not (
    exists (select 1 from slowwave.jobs j where ${OPEN} and ${DUE_AT} <= now_at and ${MAY_TRY})
    or exists (select 1 from slowwave.jobs j where ${EXPIRED})
  ) then return; end if;
  perform pg_advisory_xact_lock(lock_key);
  now_at := coalesce(asked_now, slowwave.now_ms());
  now_s := now_at / 1000;
  delete from slowwave.admissions a where a.until <= now_at;
  select f.is_paused, f.last_served into is_closed, served_before from slowwave.fleet f;
  if is_closed then return; end if;
  -- Where nobody was served yet, as if it had been the last tenant of all.
  served := coalesce(served_before, chr(1114111));

  for space, tenant in
    select j.job_key, j.tenant from slowwave.jobs j
    where ${EXPIRED} and ${UNTOUCHED}
      and not exists (select 1 from slowwave.paused_tenants p where p.tenant = j.tenant)
    order by j.lease_until, j.job_key limit wanted
  loop
    insert into slowwave.admissions values (space, tenant, asker, now_at + admission_ms);
    wanted := wanted - 1;
    return next;
  end loop;
  with ${TAKEN} select least(wanted, coalesce(fleet_limit - coalesce(sum(k.places), 0), wanted)) into free from taken k;

  -- Those that have no place, in turn.
  if free > 0 then
    for space, tenant in
      with recursive ${TAKEN},
      behind (tenant) as (
        (${nextTenant("served")})
        union all
        select (${nextTenant("b.tenant")}) from behind b where b.tenant is not null
      ),
      before (tenant) as (
        (select j.tenant from slowwave.jobs j where ${OPEN} order by j.tenant limit 1)
        union all
        select (${nextTenant("b.tenant")}) from before b where b.tenant < served
      )
      select d.job_key, t.tenant
      from (
        select b.tenant from behind b where b.tenant is not null
        union all
        select b.tenant from before b where b.tenant <= served
      ) t
      cross join lateral (${OLDEST}) d
      where t.tenant not in (select k.tenant from taken k)
        and t.tenant not in (select p.tenant from slowwave.paused_tenants p)
      limit free
    loop
      insert into slowwave.admissions values (space, tenant, asker, now_at + admission_ms);
      served := tenant;
      has_served := true;
      free := free - 1;
      return next;
    end loop;
  end if;

  -- Everybody who had none has one: now those with the fewest, one each, level by level.
  while free > 0 loop
    level := null;
    for space, tenant, found_level in
      with ${TAKEN}
      select d.job_key, t.tenant, t.places
      from (
        select k.tenant, k.places from taken k
        where k.places < coalesce((own_limits ->> k.tenant)::integer, tenant_limit, k.places + 1)
          and k.tenant not in (select p.tenant from slowwave.paused_tenants p)
        order by k.places, k.tenant <= served, k.tenant
      ) t
      cross join lateral (${OLDEST}) d
      limit free
    loop
      exit when level < found_level;
      level := found_level;
      insert into slowwave.admissions values (space, tenant, asker, now_at + admission_ms);
      served := tenant;
      has_served := true;
      free := free - 1;
      return next;
    end loop;
    exit when level is null;
  end loop;

  if has_served then
    insert into slowwave.fleet as f (last_served) values (served)
    on conflict (only_row) do update set last_served = excluded.last_served;
  end if;
end $$;
`;

export const admission = tables + triggers + admit;
