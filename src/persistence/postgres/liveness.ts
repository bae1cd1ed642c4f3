import { clearTimeout, setTimeout } from "node:timers";
import type { Database } from "./database.ts";
import { databaseError } from "./patience.ts";
import type { SharedSession } from "./shared-session.ts";

/** A beat that failed is tried again so soon. */
const AGAIN_MS = 250;

/** A dead owner that nobody asked for is forgotten after so long. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1_000;

/** So much of the time to live may the database's clock gain on this process's between two beats; more, and it was set. */
const CLOCK_SHARE = 1 / 60;

interface OwnerRow {
  readonly nowMs: number;
  readonly isFresh: boolean;
}

type Verdict = "alive" | "dead" | "unknown";

export interface OwnerLife {
  register(owner: string): Promise<{ unregister(): Promise<void> }>;
  probe(owner: string): Promise<Verdict>;
  readonly ttlMs: number;
  sinceBeatMs(owner: string): number;
  releaseAll(): Promise<void>;
}

/**
 * Who lives, by the database's clock. An owner's row is renewed every third of its time to live; an owner whose row was not
 * renewed for the whole of it is dead. Nothing else is proof of death: a session that ended may have been ended by what
 * lies between, a proxy or a firewall, and its process be at work still.
 *
 *   process   asked ─────────────── 2/3 ttl: ends its agents ──┤ has the rest for it
 *   database     └─ written ────────────────────────────────────────── ttl: dead
 *
 * A process counts from when it asked for a renewal, and the database from when it wrote it, which can't be earlier. So a
 * process knows that it may be taken for dead before anybody does, however long the renewal was on its way.
 *
 * Who was cut off himself may not judge: after a restart of the database everybody's row has expired, and the first back
 * would take the others' runs. So an observer answers `unknown` until its own beats have gone through, without a gap and by
 * a clock of the database that runs as its own does, for a whole time to live.
 *
 * Whoever judges removes the row, and a beat renews only what is there: so an owner that lived after all learns of it.
 */
export function ownerLife(
  db: Database,
  session: SharedSession,
  { ttlMs, monotonicMs }: { readonly ttlMs: number; readonly monotonicMs: () => number },
): OwnerLife {
  /** When their last renewal was asked for; infinitely long ago: others took them for dead. */
  const owners = new Map<string, number>();
  let marking: Promise<number> | null = null;
  const beats = beating(session, { ttlMs, monotonicMs, owners, mark });
  let isClosed = false;

  /** Of the rows of this store, in the column `began`: what another process registered is not renewed. */
  function mark(): Promise<number> {
    marking ??= db
      .query<{ mark: number }>("select pg_current_xact_id()::text::bigint as mark")
      .then(({ rows }) => rows[0]?.mark ?? 0)
      .catch((error: unknown) => {
        marking = null;
        throw error;
      });
    return marking;
  }

  async function read(owner: string): Promise<OwnerRow | null> {
    const { rows } = await db.query<OwnerRow>(
      `select now.ms as "nowMs", expires_at > now.ms as "isFresh"
       from slowwave.owners, (select slowwave.now_ms() as ms) now where id = $1`,
      [owner],
    );
    return rows[0] ?? null;
  }

  async function probe(owner: string): Promise<Verdict> {
    const row = await read(owner);
    if (row === null) return "dead";
    if (row.isFresh) return "alive";
    beats.begin();
    if (!beats.mayJudge(row.nowMs)) return "unknown";
    if (await removeDead(owner)) return "dead";
    // Another one did, or it was renewed at the last moment.
    return (await read(owner)) === null ? "dead" : "unknown";
  }

  /** Only while its time is over; with it go the places that it was given and took up with no run. */
  async function removeDead(owner: string): Promise<boolean> {
    const { rows } = await db.query(
      `with dead as (delete from slowwave.owners where id = $1 and expires_at <= slowwave.now_ms() returning id),
       places as (delete from slowwave.admissions where worker in (select id from dead)),
       worker as (delete from slowwave.workers where worker in (select id from dead))
       select id from dead`,
      [owner],
    );
    return rows.length > 0;
  }

  async function unregister(owner: string): Promise<void> {
    if (!owners.delete(owner)) return;
    // A beat that is under way may be about to put the row back.
    await beats.settled();
    const own = await mark();
    await db.query("delete from slowwave.owners where id = $1 and began = $2", [owner, own]).catch(() => {});
  }

  return {
    ttlMs,
    sinceBeatMs: (owner) => {
      const askedMs = owners.get(owner);
      return askedMs === undefined ? 0 : monotonicMs() - askedMs;
    },
    register: async (owner) => {
      if (owners.has(owner)) throw databaseError("store_busy", db.place);
      const own = await mark();
      let askedMs = monotonicMs();
      const isNew = await db.retry(async (query, attempt) => {
        askedMs = monotonicMs();
        const { count } = await query(
          `insert into slowwave.owners (id, expires_at, began) values ($1, slowwave.now_ms() + $2, $3)
           on conflict (id) do update set expires_at = excluded.expires_at where $4 and owners.began = $3`,
          // The answer to the first try may have been lost.
          [owner, ttlMs, own, attempt > 0],
        );
        return count === 1;
      });
      if (!isNew) throw databaseError("store_busy", db.place);
      owners.set(owner, askedMs);
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
      await Promise.all([...owners.keys()].map(unregister));
      isClosed = true;
    },
  };
}

interface Beats {
  begin(): void;
  end(): void;
  /** No beat is under way. */
  settled(): Promise<void>;
  /** Whether an observer that has just read this time from the database may call somebody dead. */
  mayJudge(nowMs: number): boolean;
}

/** A time of the database's clock, and when this process asked for it and had the answer. */
interface Reading {
  readonly nowMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Renews the rows of all owners of this store, together; without any it still beats, to learn whether it is cut off. */
function beating(
  session: SharedSession,
  options: {
    readonly ttlMs: number;
    readonly monotonicMs: () => number;
    readonly owners: Map<string, number>;
    readonly mark: () => Promise<number>;
  },
): Beats {
  const { ttlMs, monotonicMs, owners, mark } = options;
  const gapMs = (ttlMs * 2) / 3;
  let timer: NodeJS.Timeout | null = null;
  let isOn = false;
  /** By the database's clock: since when beats have gone through without a gap. */
  let calmSince: number | null = null;
  let last: Reading | null = null;
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
    const askedMs = monotonicMs();
    const asked = [...owners.keys()];
    try {
      const { nowMs, renewed } = await renew(asked);
      const reading = { nowMs, askedMs, answeredMs: monotonicMs() };
      if (calmSince === null || !follows(last, reading)) calmSince = nowMs;
      last = reading;
      const alive = new Set(renewed);
      for (const owner of asked) {
        if (owners.has(owner)) owners.set(owner, alive.has(owner) ? askedMs : Number.NEGATIVE_INFINITY);
      }
      if (isOn) schedule(ttlMs / 3);
    } catch {
      calmSince = null;
      session.drop();
      if (isOn) schedule(Math.min(AGAIN_MS, ttlMs / 3));
    }
  }

  /** Neither a gap lies between, nor was the database's clock set forward, which would end everybody's time at once. */
  function follows(before: Reading | null, { nowMs, answeredMs }: Omit<Reading, "askedMs">): boolean {
    if (before === null) return false;
    const passedMs = nowMs - before.nowMs;
    return passedMs <= gapMs && passedMs <= answeredMs - before.askedMs + ttlMs * CLOCK_SHARE;
  }

  /** Those of the owners whose rows are there. One that others took for dead gets a row again a beat after it learnt so. */
  async function renew(asked: readonly string[]) {
    const opened = await session.open();
    if (opened === null) throw new Error("there is no session");
    // It has rows only where there is a mark.
    const own = asked.length > 0 ? await mark() : 0;
    const { rows } = await opened.query<{ nowMs: number; renewed: readonly string[] }>(
      `with renewed as (update slowwave.owners set expires_at = slowwave.now_ms() + $2
         where id = any ($1::text[]) and began = $3 returning id),
       revived as (insert into slowwave.owners (id, expires_at, began)
         select id, slowwave.now_ms() + $2, $3 from unnest($4::text[]) as lost (id)
         on conflict do nothing returning id),
       swept as (delete from slowwave.owners where expires_at < slowwave.now_ms() - $5::bigint
         and id <> all ($1::text[]))
       select slowwave.now_ms() as "nowMs",
         array(select id from renewed union select id from revived) as renewed`,
      [
        asked,
        ttlMs,
        own,
        asked.filter((owner) => owners.get(owner) === Number.NEGATIVE_INFINITY),
        FORGOTTEN_MS,
      ],
      ttlMs / 3,
    );
    const [row] = rows;
    if (row === undefined) throw new Error("a row was selected from nothing");
    return row;
  }

  return {
    begin: () => {
      if (isOn) return;
      isOn = true;
      beat();
    },
    end: () => {
      isOn = false;
      if (timer !== null) clearTimeout(timer);
    },
    settled: () => underWay,
    mayJudge: (nowMs) =>
      calmSince !== null && nowMs - calmSince >= ttlMs && follows(last, { nowMs, answeredMs: monotonicMs() }),
  };
}
