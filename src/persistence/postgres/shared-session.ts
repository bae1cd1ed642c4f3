import { setTimeout } from "node:timers";
import type { Database, Session } from "./database.ts";

/** A lost session is opened again so soon, and not sooner after it failed. */
const AGAIN_MS = 200;

/** The session by which others see that this process lives. */
export interface SessionIdentity {
  readonly pid: number;
  /** Microseconds. */
  readonly began: number;
}

/**
 * One connection of the store's own, opened when it is first needed and again when it is lost: it is what others see end
 * when this process dies, and it hears what is notified. Behind a pooler there is none, and everything works without.
 */
export interface SharedSession {
  readonly isPossible: boolean;
  /** Null: there is none just now. Its identity changes whenever it was lost. */
  open(): Promise<{ readonly session: Session; readonly identity: SessionIdentity } | null>;
  /** Calls the listener at each notification on the channel. */
  listen(channel: string, listener: () => void): void;
  unlisten(channel: string): void;
  /** Gives a session up that does not answer; the next use opens another. */
  drop(): void;
  /** Told when the session was lost: the beat must be made anew. */
  onLost(listener: () => void): void;
  close(): void;
}

type Opened = { readonly session: Session; readonly identity: SessionIdentity };

export function sharedSession(db: Database): SharedSession {
  const channels = new Map<string, () => void>();
  const lostListeners: (() => void)[] = [];
  let opening: Promise<Opened | null> | null = null;
  let isClosed = false;

  function open(): Promise<Opened | null> {
    if (!db.hasSessions || isClosed) return Promise.resolve(null);
    opening ??= connect().catch(() => {
      opening = null;
      return null;
    });
    return opening;
  }

  async function connect(): Promise<Opened> {
    const session = await db.session({
      lost: () => {
        opening = null;
        for (const listener of lostListeners) listener();
        if (channels.size > 0) openAgain();
      },
      notified: (channel) => channels.get(channel)?.(),
    });
    try {
      for (const channel of channels.keys()) await session.query(`listen ${channel}`);
      const { rows } = await session.query<SessionIdentity>(
        `select pid, (extract(epoch from backend_start) * 1000000)::bigint as began
         from pg_stat_activity where pid = pg_backend_pid()`,
      );
      const [identity] = rows;
      if (identity === undefined) throw new Error("the server does not show this session to itself");
      if (isClosed) session.close();
      return { session, identity };
    } catch (error) {
      session.close();
      throw error;
    }
  }

  function openAgain(): void {
    setTimeout(() => {
      if (isClosed || channels.size === 0) return;
      void open().then((opened) => {
        if (opened === null) openAgain();
        // What was notified meanwhile reached nobody.
        else for (const listener of channels.values()) listener();
      });
    }, AGAIN_MS).unref();
  }

  return {
    isPossible: db.hasSessions,
    open,
    listen: (channel, listener) => {
      channels.set(channel, listener);
      if (!db.hasSessions) return;
      void open().then((opened) => {
        if (opened === null) openAgain();
        else void opened.session.query(`listen ${channel}`).catch(() => {});
      });
    },
    unlisten: (channel) => {
      channels.delete(channel);
      if (opening === null) return;
      void opening.then((opened) => opened?.session.query(`unlisten ${channel}`)).catch(() => {});
    },
    drop: () => {
      void opening?.then((opened) => opened?.session.close());
      opening = null;
      if (channels.size > 0) openAgain();
    },
    onLost: (listener) => void lostListeners.push(listener),
    close: () => {
      isClosed = true;
      channels.clear();
      void opening?.then((opened) => opened?.session.close());
      opening = null;
    },
  };
}
