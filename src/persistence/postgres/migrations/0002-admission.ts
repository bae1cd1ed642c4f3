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

/**
 * \`chooseSpaces\` of the domain, in the database: one call and no list of all tenants. Tenants are found one after the
 * other in the index, beginning behind the one that was served last; no more of them are looked at than get a place, but
 * for those that have some. Repeated after its answer was lost it gives other places, and the lost ones lapse.
 */
const admit = /* sql */ `
create function slowwave.admit(
  lock_key bigint, asked_now bigint, asker text, wanted integer, fleet_limit integer, tenant_limit integer,
  own_limits jsonb, cooldown float8, tries integer, admission_ms bigint
) returns table (space text, tenant text) language plpgsql volatile as $$
#variable_conflict use_column
declare
  now_at bigint := coalesce(asked_now, slowwave.now_ms());
  now_s bigint := now_at / 1000;
  is_closed boolean;
  start_after text collate "C";
  last_given text collate "C";
  here text collate "C";
  has_wrapped boolean := false;
  found_space text collate "C";
  taken jsonb;
  free integer;
  has integer;
  waiting text[] := '{}';
  places integer[] := '{}';
  pick integer;
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
  select f.is_paused, f.last_served into is_closed, start_after from slowwave.fleet f;
  if is_closed then return; end if;

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

  select coalesce(jsonb_object_agg(t.tenant, t.places), '{}'), coalesce(sum(t.places), 0) into taken, free
  from (
    select u.tenant, count(*) as places from (
      select j.tenant, j.job_key as space from slowwave.jobs j
      where j.kind = 'memory_consolidate_global' and j.status = 'running'
      union
      select a.tenant, a.space from slowwave.admissions a where a.worker is not null
    ) u group by u.tenant
  ) t;
  free := least(wanted, coalesce(fleet_limit - free, wanted));
  last_given := start_after;
  here := start_after;

  while free > 0 loop
    select j.tenant into tenant from slowwave.jobs j
    where ${OPEN} and ${DUE_AT} <= now_at and (here is null or j.tenant > here)
    order by j.tenant limit 1;
    if not found then
      exit when start_after is null or has_wrapped;
      has_wrapped := true;
      here := null;
      continue;
    end if;
    exit when has_wrapped and tenant > start_after;
    here := tenant;
    has := coalesce((taken ->> tenant)::integer, 0);
    continue when has >= coalesce((own_limits ->> tenant)::integer, tenant_limit, has + 1)
      or exists (select 1 from slowwave.paused_tenants p where p.tenant = here);
    if has = 0 then
      select j.job_key into space from slowwave.jobs j
      where ${OPEN} and j.tenant = here and ${DUE_AT} <= now_at and ${MAY_TRY} and ${UNTOUCHED}
      order by ${DUE_AT}, j.job_key limit 1;
      continue when not found;
      insert into slowwave.admissions values (space, tenant, asker, now_at + admission_ms);
      last_given := tenant;
      free := free - 1;
      has := 1;
      return next;
    end if;
    waiting := waiting || tenant;
    places := places || has;
  end loop;

  -- Everybody who had none has one: now those with the fewest, one by one.
  while free > 0 and cardinality(waiting) > 0 loop
    select w.at into pick from unnest(places) with ordinality w (n, at) order by w.n, w.at limit 1;
    here := waiting[pick];
    has := places[pick];
    waiting := waiting[:pick - 1] || waiting[pick + 1:];
    places := places[:pick - 1] || places[pick + 1:];
    continue when has >= coalesce((own_limits ->> here)::integer, tenant_limit, has + 1);
    select j.job_key into space from slowwave.jobs j
    where ${OPEN} and j.tenant = here and ${DUE_AT} <= now_at and ${MAY_TRY} and ${UNTOUCHED}
    order by ${DUE_AT}, j.job_key limit 1;
    continue when not found;
    insert into slowwave.admissions values (space, here, asker, now_at + admission_ms);
    tenant := here;
    last_given := here;
    free := free - 1;
    -- Behind its equals.
    waiting := waiting || here::text;
    places := places || has + 1;
    return next;
  end loop;

  if last_given is distinct from start_after then
    insert into slowwave.fleet as f (last_served) values (last_given)
    on conflict (only_row) do update set last_served = excluded.last_served;
  end if;
end $$;
`;

export const admission = tables + triggers + admit;
