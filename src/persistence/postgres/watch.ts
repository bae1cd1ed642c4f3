import { createHash } from "node:crypto";
import { clearInterval, setInterval } from "node:timers";
import type { Database, Query } from "./database.ts";
import type { SharedSession } from "./shared-session.ts";

/** Between two looks where a session hears of it, and where there is none (behind a pooler). */
const BACKSTOP_MS = 5_000;
const POLL_MS = 500;

/** Tells listeners that something was left for runs. */
export interface Watch {
  watch(listener: () => void, until: AbortSignal): void;
  /** Leaves something for others, who hear of it once it is committed; this store's own listeners, too. */
  leave<T>(work: (query: Query, attempt: number) => Promise<T>): Promise<T>;
  /** The channel of `NOTIFY` on which others hear of it. */
  readonly channel: string;
  close(): void;
}

/**
 * Others are told by `NOTIFY`. Who has a session of its own listens; everyone looks at a counter now and then as well,
 * for a session may be lost without a word. The counter is a sequence, which moves before what it counts is committed: so
 * listeners are told at the look after it moved, and once more at the next.
 */
export function watchLeavings(db: Database, session: SharedSession): Watch {
  const channel = channelOf(db.schema, "left");
  const listeners = new Set<() => void>();
  let timer: NodeJS.Timeout | null = null;
  let seen: string | null = null;
  let isOwed = false;

  function notify(): void {
    for (const listener of [...listeners]) listener();
  }

  async function look(): Promise<void> {
    const { rows } = await db.query<{ count: string }>(
      "select last_value::text as count from slowwave.leavings",
    );
    const count = rows[0]?.count ?? null;
    const hasMoved = seen !== null && count !== seen;
    seen = count;
    if (hasMoved || isOwed) notify();
    isOwed = hasMoved;
  }

  function begin(): void {
    const every = session.canListen ? BACKSTOP_MS : POLL_MS;
    // Busy, or cut off: the next look sees it.
    const lookAgain = () => void look().catch(() => {});
    timer = setInterval(lookAgain, every).unref();
    lookAgain();
    session.listen(channel, notify);
  }

  function end(): void {
    if (timer !== null) clearInterval(timer);
    timer = null;
    seen = null;
    session.unlisten(channel);
  }

  return {
    channel,
    watch(listener, until) {
      if (until.aborted) return;
      const own = () => listener();
      listeners.add(own);
      if (timer === null) begin();
      until.addEventListener("abort", () => {
        if (listeners.delete(own) && listeners.size === 0) end();
      });
    },
    leave: async (work) => {
      const result = await db.transaction(async (query, attempt) => {
        const left = await work(query, attempt);
        await query("select nextval($1::text::regclass), pg_notify($2, '')", [
          `${db.quotedSchema}.leavings`,
          channel,
        ]);
        return left;
      });
      notify();
      return result;
    },
    close: end,
  };
}

/** Channels are of the whole database: one's own for each schema in it. */
export function channelOf(schema: string, what: string): string {
  const digest = createHash("sha256").update(schema).digest("hex").slice(0, 16);
  return `slowwave_${what}_${digest}`;
}
