import {
  applyFailure,
  applyRelease,
  applySuccess,
  applyTakeover,
  isHeldUnder,
  type JobRow,
  type JobStore,
  type Lease,
  owns,
} from "../../domain/job.ts";
import { isStoredTime } from "../../domain/memory.ts";
import {
  claimedSession,
  type Exclusion,
  jobKeyOf,
  type Recorded,
  type SessionClaim,
  type SessionClaimOutcome,
  type SessionRecord,
  type SessionRow,
  type SessionStore,
  type SourceRow,
  sessionRefusal,
  sighted,
} from "../../domain/session.ts";
import { acceptRecords } from "../../import/record.ts";
import { JOB_COLUMNS } from "../columns.ts";
import { type Database, lockOf, type Query } from "./database.ts";
import { type JobRows, nowIn, type StoreClock, settlements } from "./jobs.ts";
import { refusalLock, refusedOf } from "./refusals.ts";
import { sessionJobs, sessionRows } from "./session-rows.ts";
import { stage1Rows, takingIn } from "./stage1-rows.ts";

interface Parts {
  /** Phase 2's. */
  readonly jobs: JobRows;
  readonly clock: StoreClock;
  /** Of the sessions' own jobs. */
  readonly leases: Pick<JobStore, "renew" | "takeOver" | "release">;
}

/** The rules are the domain's; this is their transactions. See `SessionStore` for what each promises. */
export function postgresSessions(db: Database, { jobs, clock, leases }: Parts): SessionStore {
  const { renew, takeOver, release } = leases;
  return {
    sight: (space, seen, nowMs) =>
      db.transaction(
        async (query) => {
          const refused = await refusedOf(
            query,
            space,
            seen.map(({ key }) => key),
          );
          let forgotten = 0;
          for (const sighting of seen) {
            if (refused.has(sighting.key)) {
              forgotten += 1;
              continue;
            }
            const row = sighted(await sessionRows.read(query, space, sighting.key), space, sighting, nowMs);
            if (row !== null) await sessionRows.put(query, row);
          }
          return { forgotten };
        },
        { locks: [refusalLock(db, true), sessionsLock(db, space)] },
      ),
    read: (space, key) => sessionRows.read(db.query, space, key),
    list: (filter) => sessionRows.list(db.query, filter),
    spaces: async (limit) => {
      const { rows } = await db.query<{ space: string }>(
        "select distinct space from slowwave.sessions order by space limit $1",
        [limit],
      );
      return rows.map(({ space }) => space);
    },
    count: async (space) => {
      const { rows } = await db.query<{ verdict: string; count: number }>(
        "select verdict, count(*) from slowwave.sessions where space = $1 group by verdict order by verdict",
        [space],
      );
      return Object.fromEntries(rows.map(({ verdict, count }) => [verdict, count]));
    },
    claim: (request) => {
      const now = clock();
      // One at a time: all processes together learn so many sessions at once and no more.
      return db.transaction((query) => claim(query, request, now), {
        locks: [refusalLock(db, true), lockOf(db.schema, "session claims")],
      });
    },
    renew,
    takeOver,
    release,
    ...endsOf(db, jobs, clock),
    job: (space, key) => sessionJobs.read(db.query, jobKeyOf(space, key)),
    jobs: async () => {
      const { rows } = await db.query<JobRow>(
        `select ${JOB_COLUMNS.join(", ")} from slowwave.jobs
         where kind = $1 and status in ('running', 'error') order by job_key`,
        [sessionJobs.kind],
      );
      return rows;
    },
    evidence: (space, key) => sessionRows.evidence(db.query, space, key),
    ...exclusionsOf(db),
  };
}

/** Held by what reads a session's row and writes it again. */
function sessionsLock({ schema }: Database, space: string) {
  return lockOf(schema, `sessions ${space}`);
}

async function claim(query: Query, asked: SessionClaim, now: number | null): Promise<SessionClaimOutcome> {
  const { space, key, token } = asked;
  const { row, nowMs } = await sessionJobs.lock(query, jobKeyOf(space, key), now);
  const request = { ...asked, nowMs };
  if (isHeldUnder(row, token)) return give(query, applyTakeover(row, request), row, nowMs);
  if ((await refusedOf(query, space, [key])).has(key)) return { kind: "skipped", why: "forgotten" };
  const session = await sessionRows.read(query, space, key);
  if (session === null) return { kind: "skipped", why: "unknown" };
  const noteAt = (await stage1Rows.read(query, space, key))?.sourceUpdatedAt;
  const live = await query<{ count: number }>(
    `select count(*) from slowwave.jobs where kind = $1 and status = 'running' and lease_until > ${nowIn("$2")} / 1000`,
    [sessionJobs.kind, now],
  );
  const known = { noteAt: isStoredTime(noteAt) ? noteAt : null, live: live.rows[0]?.count ?? 0 };
  const why = sessionRefusal(row, session, known, request);
  return why === null
    ? give(query, claimedSession(row, session.updatedAt, request), row, nowMs)
    : { kind: "skipped", why };
}

async function give(
  query: Query,
  row: JobRow,
  before: JobRow | null,
  nowMs: number,
): Promise<SessionClaimOutcome> {
  if (before === null) await sessionJobs.insert(query, row, nowMs);
  else await sessionJobs.replace(query, row, { nowMs });
  return { kind: "claimed", fence: row.fence, watermark: row.input_watermark ?? 0 };
}

function endsOf(
  db: Database,
  jobs: JobRows,
  clock: StoreClock,
): Pick<SessionStore, "fail" | "skip" | "record"> {
  /** Null: it is settled; else what was settled under the token before. */
  async function settle(
    query: Query,
    { lease, now }: { readonly lease: Lease; readonly now: number | null },
    outcome: string,
    change: (row: JobRow, nowMs: number) => JobRow,
  ): Promise<"already" | "lost" | null> {
    const { row, nowMs } = await sessionJobs.lock(query, lease.space, now);
    if (!owns(row, lease)) {
      return (await settlements.outcome(query, lease)) === outcome ? "already" : "lost";
    }
    await sessionJobs.replace(query, change(row, nowMs), { nowMs });
    await settlements.put(query, lease, outcome, nowMs);
    return null;
  }

  async function change(query: Query, space: string, key: string, by: Partial<SessionRow>): Promise<void> {
    const row = await sessionRows.read(query, space, key);
    if (row !== null) await sessionRows.put(query, { ...row, ...by });
  }

  return {
    fail: ({ space, key, ...by }) => {
      const now = clock();
      return db.transaction(
        async (query) => {
          const end = await settle(query, { lease: by.lease, now }, "failed", (row, nowMs) =>
            applyFailure(row, { ...by, nowMs }),
          );
          if (end !== null) return end;
          await change(query, space, key, { verdict: by.verdict, verdictUntil: null, verdictAt: by.nowMs });
          return "applied";
        },
        { locks: [sessionsLock(db, space)] },
      );
    },
    skip: ({ lease, space, key, verdict, verdictUntil, facts, nowMs: verdictAt }) => {
      const now = clock();
      return db.transaction(
        async (query) => {
          const end = await settle(query, { lease, now }, "released", (row) => applyRelease(row, verdict));
          if (end !== null) return end;
          await change(query, space, key, { ...facts, verdict, verdictUntil, verdictAt });
          return "applied";
        },
        { locks: [sessionsLock(db, space)] },
      );
    },
    record: async (settlement) => {
      const { lease, space, key } = settlement;
      const now = clock();
      // The one door of notes: it is held to the same rules wherever it comes from.
      const { records } = await acceptRecords(settlement.note === null ? [] : [settlement.note]);
      return db.transaction(
        async (query): Promise<Recorded> => {
          const end = await settle(query, { lease, now }, "succeeded", (row, nowMs) =>
            applySuccess(row, { watermark: row.input_watermark ?? 0, nowMs }),
          );
          if (end !== null) return end;
          if ((await refusedOf(query, space, [key])).has(key)) {
            await sessionRows.forget(query, space, key);
            return "forgotten";
          }
          await keepNote(query, { jobs, now }, { ...settlement, note: records[0] ?? null });
          const { verdict, facts, noteHash, nowMs: verdictAt } = settlement;
          await change(query, space, key, { ...facts, verdict, verdictUntil: null, verdictAt, noteHash });
          await sessionRows.replaceEvidence(query, space, key, settlement.evidence);
          return "applied";
        },
        { locks: [...takingIn(db, space), sessionsLock(db, space)] },
      );
    },
  };
}

async function keepNote(
  query: Query,
  by: { readonly jobs: JobRows; readonly now: number | null },
  { space, key, note, facts, nowMs }: Pick<SessionRecord, "space" | "key" | "note" | "facts" | "nowMs">,
): Promise<void> {
  if (note !== null) {
    await stage1Rows.upsert(query, by, space, [note]);
    return;
  }
  if (!(await stage1Rows.remove(query, space, key))) return;
  await by.jobs.enqueue(query, space, Math.floor((facts.saidAt ?? nowMs) / 1000), by.now);
}

function exclusionsOf(
  db: Database,
): Pick<SessionStore, "exclude" | "include" | "exclusions" | "keepSource" | "sources"> {
  return {
    exclude: async (pattern, nowMs) => {
      await db.query("insert into slowwave.exclusions (pattern, at) values ($1, $2) on conflict do nothing", [
        pattern,
        nowMs,
      ]);
    },
    include: async (pattern) =>
      (await db.query("delete from slowwave.exclusions where pattern = $1", [pattern])).count === 1,
    exclusions: async () =>
      (await db.query<Exclusion>("select pattern, at from slowwave.exclusions order by pattern")).rows,
    keepSource: async ({ agent, root, seenAt, sessions }) => {
      await db.query(
        `insert into slowwave.sources (agent, root, seen_at, sessions) values ($1, $2, $3, $4)
         on conflict (agent, root) do update set seen_at = excluded.seen_at, sessions = excluded.sessions`,
        [agent, root, seenAt, sessions],
      );
    },
    sources: async () => {
      const sql = `select agent, root, seen_at as "seenAt", sessions from slowwave.sources order by agent, root`;
      return (await db.query<SourceRow>(sql)).rows;
    },
  };
}
