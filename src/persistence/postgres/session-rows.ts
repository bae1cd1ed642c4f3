import { STAGE1_KIND } from "../../domain/job.ts";
import { type EvidenceRow, jobKeyOf, type SessionFilter, type SessionRow } from "../../domain/session.ts";
import { SESSION_FIELDS } from "../columns.ts";
import type { Query } from "./database.ts";
import { jobRows } from "./jobs.ts";

const COLUMNS = Object.keys(SESSION_FIELDS);
const FIELDS = Object.entries(SESSION_FIELDS)
  .map(([column, field]) => `${column} as "${field}"`)
  .join(", ");

export const sessionJobs = jobRows(STAGE1_KIND);

/** The tables `sessions` and `evidence`, as steps of a transaction that someone else holds. */
export const sessionRows = {
  read: async (query: Query, space: string, key: string): Promise<SessionRow | null> => {
    const sql = `select ${FIELDS} from slowwave.sessions where space = $1 and key = $2`;
    return (await query<SessionRow>(sql, [space, key])).rows[0] ?? null;
  },
  list: async (
    query: Query,
    { space, agents, verdicts, after, limit }: SessionFilter,
  ): Promise<readonly SessionRow[]> => {
    const { rows } = await query<SessionRow>(
      `select ${FIELDS} from slowwave.sessions where space = $1
         and ($2::text[] is null or agent = any ($2::text[])) and ($3::text[] is null or verdict = any ($3::text[]))
         and ($6::text is null or changed_at < $5 or (changed_at = $5 and key > $6))
       order by changed_at desc, key limit $4`,
      [space, agents, verdicts, limit, after?.changedAt, after?.key],
    );
    return rows;
  },
  put: async (query: Query, row: SessionRow): Promise<void> => {
    await query(
      `insert into slowwave.sessions (${COLUMNS.join(", ")}) values (${COLUMNS.map((_, at) => `$${at + 1}`).join(", ")})
       on conflict (space, key) do update set ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}`,
      Object.values(SESSION_FIELDS).map((field) => row[field]),
    );
  },
  evidence: async (query: Query, space: string, key: string): Promise<readonly EvidenceRow[]> => {
    const { rows } = await query<Omit<EvidenceRow, "text"> & { readonly text: Buffer }>(
      `select position, tier, said_at as "saidAt", text from slowwave.evidence
       where space = $1 and key = $2 order by position`,
      [space, key],
    );
    return rows.map((row) => ({ ...row, text: row.text.toString() }));
  },
  replaceEvidence: async (
    query: Query,
    space: string,
    key: string,
    rows: readonly EvidenceRow[],
  ): Promise<void> => {
    await query("delete from slowwave.evidence where space = $1 and key = $2", [space, key]);
    if (rows.length === 0) return;
    await query(
      `insert into slowwave.evidence (space, key, position, tier, said_at, text)
       select $1, $2, * from unnest($3::integer[], $4::text[], $5::bigint[], $6::bytea[])`,
      [
        space,
        key,
        rows.map(({ position }) => position),
        rows.map(({ tier }) => tier),
        rows.map(({ saidAt }) => saidAt),
        rows.map(({ text }) => Buffer.from(text)),
      ],
    );
  },
  /** All that is kept of the session, its job too. */
  forget: async (query: Query, space: string, key: string): Promise<void> => {
    await query("delete from slowwave.sessions where space = $1 and key = $2", [space, key]);
    await query("delete from slowwave.evidence where space = $1 and key = $2", [space, key]);
    await sessionJobs.remove(query, jobKeyOf(space, key));
    // These name the session, too.
    await query("delete from slowwave.settlements where space = $1", [jobKeyOf(space, key)]);
  },
};
