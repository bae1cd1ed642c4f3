import { type Database, lockOf } from "./database.ts";

/** Tables whose rows name their space, and the column that does. */
const BY_SPACE: Readonly<Record<string, string>> = {
  stage1_outputs: "space",
  runs: "space",
  run_input_lists: "space",
  recorded_inputs: "space",
  generations: "space",
  journal: "space",
  drafts: "space",
  draft_files: "space",
  sessions: "space",
  evidence: "space",
  connections: "space",
};

/** Tables whose rows are seen with those of another table: what is asked of that one is held to its own policy. */
const BY_OTHERS: Readonly<Record<string, string>> = {
  // Jobs of sessions have keys in which the end of a space can't be told.
  jobs: "kind = 'memory_consolidate_global' and slowwave.is_own_space(job_key, current_user)",
  events: "exists (select 1 from slowwave.runs where runs.id = events.run)",
  run_actors: "exists (select 1 from slowwave.runs where runs.id = run_actors.run)",
  signals: "exists (select 1 from slowwave.runs where runs.id = signals.run)",
  generation_files:
    "exists (select 1 from slowwave.generations where generations.id = generation_files.generation)",
  blobs: `exists (select 1 from slowwave.generation_files f where f.hash = blobs.hash)
    or exists (select 1 from slowwave.draft_files d where d.hash = blobs.hash)
    or exists (select 1 from slowwave.recorded_inputs r where r.raw_memory = blobs.hash or r.rollout_summary = blobs.hash)`,
};

/**
 * Lets a tenant who is given SQL see the rows of its own spaces and no others, and change none. Which tenant a role is:
 * the one that `tenant_roles` binds it to, else what the session's setting `slowwave.tenant` says. A tenant that writes
 * SQL itself can change a setting, so its role is to be bound. The tables' owner, and roles that bypass row-level
 * security, are held to nothing: those are the workers'.
 */
export async function secureRows(db: Database): Promise<void> {
  await db.transaction(
    async (query) => {
      await query(FUNCTIONS);
      const { rows } = await query<{ name: string }>(
        "select tablename as name from pg_tables where schemaname = $1 order by tablename",
        [db.schema],
      );
      // A table without a policy shows nothing to anybody else.
      for (const { name } of rows) {
        await query(`alter table slowwave."${name.replaceAll('"', '""')}" enable row level security`);
      }
      const spaces = Object.entries(BY_SPACE).map(
        ([table, column]) => [table, `slowwave.is_own_space(${column}, current_user)`] as const,
      );
      for (const [table, condition] of [...spaces, ...Object.entries(BY_OTHERS)]) {
        await query(`drop policy if exists own_rows on slowwave.${table}`);
        await query(`create policy own_rows on slowwave.${table} for select using (${condition})`);
      }
    },
    { locks: [lockOf(db.schema, "migrate")] },
  );
}

/** They read, with the rights of the tables' owner, what no tenant may see. */
const FUNCTIONS = /* sql */ `
create table if not exists slowwave.tenant_roles (role name primary key, tenant text collate "C" not null);
create or replace function slowwave.is_own_space(key text, asker name) returns boolean
  language sql stable security definer set search_path = pg_catalog as $$
  select slowwave.tenant_of(key) = coalesce(
    (select tenant from slowwave.tenant_roles where role = asker),
    -- Empty where it was never set, or reset: that is no tenant, and not the one without a name.
    nullif(current_setting('slowwave.tenant', true), ''))
$$;
`;
