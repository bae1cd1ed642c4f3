import { clearTimeout, setTimeout } from "node:timers";
import type { Database } from "./database.ts";
import { databaseError } from "./patience.ts";
import type { SharedSession } from "./shared-session.ts";

/** A session that is gone is looked at again after so long: its process may be about to open another. */
const GRACE_MS = 1_000;

/** A beat that failed is tried again so soon. */
const AGAIN_MS = 250;

/** A dead owner that nobody asked for is forgotten after so long. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1_000;

interface OwnerRow {
  readonly nowMs: number;
  readonly isFresh: boolean;
  readonly hasSession: boolean;
  readonly pid: number | null;
  readonly began: number | null;
}

type Verdict = "alive" | "dead" | "unknown";

export interface OwnerLife {
  register(owner: string): Promise<{ unregister(): Promise<void> }>;
  probe(owner: string): Promise<Verdict>;
  readonly ttlMs: number;
  /** Monotonic milliseconds since this store last asked for a renewal that was made; infinite before the first. */
  sinceBeatMs(owner: string): number;
  releaseAll(): Promise<void>;
}

/**
 * Who lives, by the database's clock. An owner's row is renewed every third of its time to live; an owner whose row was
 * not, or whose session is gone (a killed process closes it in a moment), is dead.
 *
 * Who was cut off himself may not judge: after a restart of the database everybody's row has expired, and the first back
 * would take the others' runs. So an observer answers `unknown` until its own beats have gone through, on one session and
 * without a gap, for a whole time to live.
 */
export function ownerLife(
  db: Database,
  session: SharedSession,
  { ttlMs, monotonicMs }: { readonly ttlMs: number; readonly monotonicMs: () => number },
): OwnerLife {
  const owners = new Set<string>();
  const beats = beating(db, session, { ttlMs, monotonicMs, owners });
  let isClosed = false;

  async function read(owner: string): Promise<OwnerRow | null> {
    const { rows } = await db.query<OwnerRow>(
      `select now.ms as "nowMs", expires_at > now.ms as "isFresh", owners.pid, began,
         owners.pid is null or exists (select 1 from pg_stat_activity activity where activity.pid = owners.pid
           and (backend_start is null or (extract(epoch from backend_start) * 1000000)::bigint = began)) as "hasSession"
       from slowwave.owners, (select slowwave.now_ms() as ms) now where id = $1`,
      [owner],
    );
    return rows[0] ?? null;
  }

  async function probe(owner: string): Promise<Verdict> {
    const row = await read(owner);
    if (row === null) return "dead";
    if (row.isFresh && row.hasSession) return "alive";
    beats.begin();
    if (!beats.mayJudge(row.nowMs)) return "unknown";
    const seen = row.isFresh ? await lookAgain(owner, row) : "dead";
    if (seen === "dead") await forget(owner, row);
    return seen;
  }

  async function lookAgain(owner: string, before: OwnerRow): Promise<Verdict> {
    await new Promise<void>((resolve) => setTimeout(resolve, Math.min(GRACE_MS, ttlMs / 3)));
    const row = await read(owner);
    if (row === null) return "dead";
    if (row.isFresh && row.hasSession) return "alive";
    const isSame = row.pid === before.pid && row.began === before.began;
    return isSame && beats.mayJudge(row.nowMs) ? "dead" : "unknown";
  }

  /** Only the row that was judged: should it live after all, it has another session or time. */
  async function forget(owner: string, { pid, began }: OwnerRow): Promise<void> {
    await db.query(
      `delete from slowwave.owners where id = $1 and pid is not distinct from $2 and began is not distinct from $3
         and (expires_at <= slowwave.now_ms() or pid is not null)`,
      [owner, pid, began],
    );
  }

  async function unregister(owner: string): Promise<void> {
    if (!owners.delete(owner)) return;
    // A beat that is under way would put the row back.
    await beats.settled();
    await db.query("delete from slowwave.owners where id = $1", [owner]).catch(() => {});
  }

  return {
    ttlMs,
    sinceBeatMs: (owner) => (owners.has(owner) ? beats.sinceMs() : Number.POSITIVE_INFINITY),
    register: async (owner) => {
      if (owners.has(owner)) throw databaseError("store_busy", db.place);
      const identity = (await session.open())?.identity ?? null;
      const isNew = await db.retry(async (query, attempt) => {
        const { count } = await query(
          `insert into slowwave.owners (id, expires_at, pid, began) values ($1, slowwave.now_ms() + $2, $3, $4)
           on conflict (id) do update set expires_at = excluded.expires_at
             where $5 and owners.pid is not distinct from excluded.pid and owners.began is not distinct from excluded.began`,
          // The answer to the first try may have been lost.
          [owner, ttlMs, identity?.pid, identity?.began, attempt > 0],
        );
        return count === 1;
      });
      if (!isNew) throw databaseError("store_busy", db.place);
      owners.add(owner);
      beats.begin();
      return { unregister: () => unregister(owner) };
    },
    // A closed store has let go of all its owners; of others it can't tell.
    probe: async (owner) => {
      if (owners.has(owner)) return "alive";
      return isClosed ? "dead" : probe(owner);
    },
    releaseAll: async () => {
      beats.end();
      await Promise.all([...owners].map(unregister));
      isClosed = true;
    },
  };
}

/** Renews the rows of all owners of this store, together; without any it still beats, to learn whether it is cut off. */
function beating(
  db: Database,
  session: SharedSession,
  {
    ttlMs,
    monotonicMs,
    owners,
  }: {
    readonly ttlMs: number;
    readonly monotonicMs: () => number;
    readonly owners: ReadonlySet<string>;
  },
) {
  const gapMs = (ttlMs * 2) / 3;
  let timer: NodeJS.Timeout | null = null;
  let isOn = false;
  /** By the database's clock: since when beats have gone through without a gap, and the last one. */
  let calmSince: number | null = null;
  let lastBeat = 0;
  let renewedAt: number | null = null;
  let underWay: Promise<void> = Promise.resolve();
  session.onLost(() => {
    calmSince = null;
    if (isOn) schedule(0);
  });

  function schedule(delayMs: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(beat, delayMs).unref();
  }

  function beat(): void {
    underWay = underWay.then(beatOnce);
  }

  async function beatOnce(): Promise<void> {
    if (!isOn) return;
    const asked = monotonicMs();
    try {
      const nowMs = await renew();
      if (calmSince === null || nowMs - lastBeat > gapMs) calmSince = nowMs;
      lastBeat = nowMs;
      renewedAt = asked;
      if (isOn) schedule(ttlMs / 3);
    } catch {
      calmSince = null;
      session.drop();
      if (isOn) schedule(Math.min(AGAIN_MS, ttlMs / 3));
    }
  }

  async function renew(): Promise<number> {
    const opened = await session.open();
    if (opened === null && session.isPossible) throw new Error("there is no session");
    const query = opened?.session.query ?? db.query;
    const { rows } = await query<{ nowMs: number }>(
      `with renewed as (
         insert into slowwave.owners (id, expires_at, pid, began)
         select id, slowwave.now_ms() + $2, $3, $4 from unnest($1::text[]) as own (id)
         on conflict (id) do update set expires_at = excluded.expires_at, pid = excluded.pid, began = excluded.began),
       swept as (delete from slowwave.owners where expires_at < slowwave.now_ms() - $5::bigint
         and id <> all ($1::text[]))
       select slowwave.now_ms() as "nowMs"`,
      [[...owners], ttlMs, opened?.identity.pid, opened?.identity.began, FORGOTTEN_MS],
      ttlMs / 3,
    );
    return rows[0]?.nowMs ?? 0;
  }

  return {
    begin: () => {
      if (isOn) return;
      isOn = true;
      renewedAt ??= monotonicMs();
      beat();
    },
    end: () => {
      isOn = false;
      if (timer !== null) clearTimeout(timer);
    },
    settled: () => underWay,
    sinceMs: () => (renewedAt === null ? Number.POSITIVE_INFINITY : monotonicMs() - renewedAt),
    mayJudge: (nowMs: number) =>
      calmSince !== null && nowMs - calmSince >= ttlMs && nowMs - lastBeat <= gapMs,
  };
}
