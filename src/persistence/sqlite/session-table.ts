import type { Database } from "better-sqlite3";
import { type EvidenceRow, jobKeyOf, type SessionFilter, type SessionRow } from "../../domain/session.ts";
import { SESSION_FIELDS } from "../columns.ts";
import type { JobTable } from "./jobs.ts";

type Stored = Omit<SessionRow, "headless"> & { readonly headless: number | null };

/** The tables `sessions` and `evidence`, as steps of a transaction that someone else holds. */
export interface SessionTable {
  read(space: string, key: string): SessionRow | null;
  list(filter: SessionFilter): readonly SessionRow[];
  spaces(limit: number): readonly string[];
  count(space: string): Readonly<Record<string, number>>;
  put(row: SessionRow): void;
  evidence(space: string, key: string): readonly EvidenceRow[];
  replaceEvidence(space: string, key: string, rows: readonly EvidenceRow[]): void;
  /** All that is kept of the session, its job too. */
  forget(space: string, key: string): void;
}

export function sessionTable(db: Database, jobs: JobTable): SessionTable {
  const columns = Object.keys(SESSION_FIELDS).join(", ");
  const fields = Object.entries(SESSION_FIELDS)
    .map(([column, field]) => `${column} as ${field}`)
    .join(", ");
  const one = db.prepare<[string, string], Stored>(
    `select ${fields} from sessions where space = ? and key = ?`,
  );
  const many = db.prepare<object, Stored>(
    `select ${fields} from sessions where space = @space
       and (@agents is null or agent in (select value from json_each(@agents)))
       and (@verdicts is null or verdict in (select value from json_each(@verdicts)))
       and (@afterKey is null or changed_at < @afterAt or (changed_at = @afterAt and key > @afterKey))
     order by changed_at desc, key limit @limit`,
  );
  const spaces = db
    .prepare<[number], string>("select distinct space from sessions order by space limit ?")
    .pluck();
  const counts = db.prepare<[string], { verdict: string; count: number }>(
    "select verdict, count(*) as count from sessions where space = ? group by verdict order by verdict",
  );
  const put = db.prepare(
    `insert or replace into sessions (${columns}) values (${Object.values(SESSION_FIELDS)
      .map((field) => `@${field}`)
      .join(", ")})`,
  );
  const remove = db.prepare<[string, string]>("delete from sessions where space = ? and key = ?");
  const evidence = db.prepare<[string, string], EvidenceRow>(
    `select position, tier, said_at as saidAt, text from evidence where space = ? and key = ? order by position`,
  );
  const insertEvidence = db.prepare(
    "insert into evidence (space, key, position, tier, said_at, text) values (?, ?, ?, ?, ?, ?)",
  );
  const removeSettlements = db.prepare<[string]>("delete from settlements where space = ?");
  const removeEvidence = db.prepare<[string, string]>("delete from evidence where space = ? and key = ?");

  return {
    read: (space, key) => {
      const row = one.get(space, key);
      return row === undefined ? null : rowOf(row);
    },
    list: ({ space, agents, verdicts, after, limit }) =>
      many
        .all({
          space,
          agents: jsonOf(agents),
          verdicts: jsonOf(verdicts),
          afterAt: after?.changedAt ?? null,
          afterKey: after?.key ?? null,
          limit,
        })
        .map(rowOf),
    spaces: (limit) => spaces.all(limit),
    count: (space) => Object.fromEntries(counts.all(space).map(({ verdict, count }) => [verdict, count])),
    put: (row) => void put.run({ ...row, headless: row.headless === null ? null : Number(row.headless) }),
    evidence: (space, key) => evidence.all(space, key),
    replaceEvidence: (space, key, rows) => {
      removeEvidence.run(space, key);
      for (const { position, tier, saidAt, text } of rows)
        insertEvidence.run(space, key, position, tier, saidAt, text);
    },
    forget: (space, key) => {
      remove.run(space, key);
      removeEvidence.run(space, key);
      jobs.remove(jobKeyOf(space, key));
      // These name the session, too.
      removeSettlements.run(jobKeyOf(space, key));
    },
  };
}

function jsonOf(list: readonly string[] | undefined): string | null {
  return list === undefined ? null : JSON.stringify(list);
}

function rowOf(row: Stored): SessionRow {
  return { ...row, headless: row.headless === null ? null : row.headless === 1 };
}
