import type { Database } from "better-sqlite3";
import {
  applyFailure,
  applyRelease,
  applySuccess,
  applyTakeover,
  isHeldUnder,
  type JobRow,
  type Lease,
} from "../../domain/job.ts";
import { isStoredTime } from "../../domain/memory.ts";
import {
  claimedSession,
  type Exclusion,
  jobKeyOf,
  type Recorded,
  type SessionClaim,
  type SessionClaimOutcome,
  type SessionFailure,
  type SessionRecord,
  type SessionRow,
  type SessionSkip,
  type SessionStore,
  type SourceRow,
  sessionRefusal,
  sighted,
} from "../../domain/session.ts";
import { acceptRecords } from "../../import/record.ts";
import type { RefusedThreads } from "./forget.ts";
import { type JobTable, settlementTable, sqliteJobs } from "./jobs.ts";
import type { Stage1Table } from "./memories.ts";
import type { SessionTable } from "./session-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

interface Parts {
  /** Phase 2's. */
  readonly jobs: JobTable;
  readonly sessionJobs: JobTable;
  readonly sessions: SessionTable;
  readonly stage1: Stage1Table;
  readonly refused: RefusedThreads;
  readonly writer: Writer;
}

/** The rules are the domain's; this is their transactions. See `SessionStore` for what each promises. */
export function sqliteSessions(db: Database, parts: Parts): SessionStore {
  const { sessionJobs, sessions, refused, writer } = parts;
  const { write, read } = writer;
  const { renew, takeOver, release } = sqliteJobs(db, sessionJobs, writer);
  const claim = sessionClaim(db, parts);
  const { fail, skip, record } = sessionEnds(db, parts);
  return {
    sight: (space, seen, nowMs) =>
      write(
        () => {
          let forgotten = 0;
          for (const sighting of seen) {
            if (refused.has(space, sighting.key)) {
              forgotten += 1;
              continue;
            }
            const row = sighted(sessions.read(space, sighting.key), space, sighting, nowMs);
            if (row !== null) sessions.put(row);
          }
          return { forgotten };
        },
        Math.min(seen.length, GROUP_LIMIT),
      ),
    read: (space, key) => read(() => sessions.read(space, key)),
    list: (filter) => read(() => sessions.list(filter)),
    spaces: (limit) => read(() => sessions.spaces(limit)),
    count: (space) => read(() => sessions.count(space)),
    claim: (request) => write(() => claim(request)),
    renew,
    takeOver,
    release,
    fail: (settlement) => write(() => fail(settlement)),
    skip: (settlement) => write(() => skip(settlement)),
    record: async (settlement) => {
      // The one door of notes: it is held to the same rules wherever it comes from.
      const { records } = await acceptRecords(settlement.note === null ? [] : [settlement.note]);
      return write(() => record({ ...settlement, note: records[0] ?? null }), 2);
    },
    job: (space, key) => read(() => sessionJobs.read(jobKeyOf(space, key))),
    jobs: () =>
      read(() =>
        (["error", "running"] as const)
          .flatMap((status) => sessionJobs.list({ status, limit: Number.MAX_SAFE_INTEGER }))
          .sort((a, b) => (a.job_key < b.job_key ? -1 : 1)),
      ),
    evidence: (space, key) => read(() => sessions.evidence(space, key)),
    ...sqliteExclusions(db, writer),
  };
}

function sessionClaim(db: Database, { sessionJobs, sessions, stage1, refused }: Parts) {
  const countLive = db
    .prepare<[string, number], number>(
      "select count(*) from jobs where kind = ? and status = 'running' and lease_until > ?",
    )
    .pluck();

  function claim(request: SessionClaim): SessionClaimOutcome {
    const { space, key, nowMs } = request;
    const row = sessionJobs.read(jobKeyOf(space, key));
    if (isHeldUnder(row, request.token)) return given(applyTakeover(row, request), row);
    if (refused.has(space, key)) return { kind: "skipped", why: "forgotten" };
    const session = sessions.read(space, key);
    if (session === null) return { kind: "skipped", why: "unknown" };
    const noteAt = stage1.read(space, key)?.sourceUpdatedAt;
    const now = Math.floor(nowMs / 1000);
    const live = countLive.get(sessionJobs.kind, now) ?? 0;
    const known = { noteAt: isStoredTime(noteAt) ? noteAt : null, live };
    const why = sessionRefusal(row, session, known, request);
    return why === null
      ? given(claimedSession(row, session.updatedAt, request), row)
      : { kind: "skipped", why };
  }

  function given(row: JobRow, before: JobRow | null): SessionClaimOutcome {
    if (before === null) sessionJobs.insert(row);
    else sessionJobs.replace(row);
    return { kind: "claimed", fence: row.fence, watermark: row.input_watermark ?? 0 };
  }

  return claim;
}

function sessionEnds(db: Database, { jobs, sessionJobs, sessions, stage1, refused }: Parts) {
  const settlements = settlementTable(db);

  /** False: the guard did not hold; `earlier` says what was settled under the token before. */
  function settleJob(lease: Lease, outcome: string, nowMs: number, change: (row: JobRow) => JobRow): boolean {
    const row = sessionJobs.read(lease.space);
    if (row === null || !sessionJobs.replaceMine(change(row), lease)) return false;
    settlements.put(lease.space, lease.token, outcome, nowMs);
    return true;
  }

  function earlier(lease: Lease, outcome: string): "already" | "lost" {
    return settlements.outcome(lease.space, lease.token) === outcome ? "already" : "lost";
  }

  function fail({ space, key, ...by }: SessionFailure) {
    const { lease, nowMs } = by;
    if (!settleJob(lease, "failed", nowMs, (row) => applyFailure(row, by))) return earlier(lease, "failed");
    const row = sessions.read(space, key);
    if (row !== null) sessions.put({ ...row, verdict: by.verdict, verdictUntil: null, verdictAt: nowMs });
    return "applied" as const;
  }

  function skip({ lease, space, key, verdict, verdictUntil, facts, nowMs }: SessionSkip) {
    if (!settleJob(lease, "released", nowMs, (row) => applyRelease(row, verdict)))
      return earlier(lease, "released");
    const row = sessions.read(space, key);
    if (row !== null) sessions.put({ ...row, ...facts, verdict, verdictUntil, verdictAt: nowMs });
    return "applied" as const;
  }

  function record({
    lease,
    space,
    key,
    note,
    noteHash,
    verdict,
    facts,
    evidence,
    nowMs,
  }: SessionRecord): Recorded {
    const done = (row: JobRow) => applySuccess(row, { watermark: row.input_watermark ?? 0, nowMs });
    if (!settleJob(lease, "succeeded", nowMs, done)) return earlier(lease, "succeeded");
    if (refused.has(space, key)) {
      sessions.forget(space, key);
      return "forgotten";
    }
    if (note !== null) stage1.upsert(space, [note]);
    else if (stage1.remove(space, key)) jobs.enqueue(space, Math.floor((facts.saidAt ?? nowMs) / 1000));
    const row = sessions.read(space, key);
    if (row !== null)
      sessions.put({
        ...row,
        ...facts,
        verdict,
        verdictUntil: null,
        verdictAt: nowMs,
        noteHash,
      } as SessionRow);
    sessions.replaceEvidence(space, key, evidence);
    return "applied";
  }

  return { fail, skip, record };
}

function sqliteExclusions(
  db: Database,
  { write, read }: Writer,
): Pick<SessionStore, "exclude" | "include" | "exclusions" | "keepSource" | "sources"> {
  const exclude = db.prepare<[string, number]>(
    "insert or ignore into exclusions (pattern, at) values (?, ?)",
  );
  const include = db.prepare<[string]>("delete from exclusions where pattern = ?");
  const exclusions = db.prepare<[], Exclusion>("select pattern, at from exclusions order by pattern");
  const keepSource = db.prepare<SourceRow>(
    "insert or replace into sources (agent, root, seen_at, sessions) values (@agent, @root, @seenAt, @sessions)",
  );
  const sources = db.prepare<[], SourceRow>(
    "select agent, root, seen_at as seenAt, sessions from sources order by agent, root",
  );
  return {
    exclude: (pattern, nowMs) => write(() => void exclude.run(pattern, nowMs)),
    include: (pattern) => write(() => include.run(pattern).changes === 1),
    exclusions: () => read(() => exclusions.all()),
    keepSource: (source) => write(() => void keepSource.run(source)),
    sources: () => read(() => sources.all()),
  };
}
