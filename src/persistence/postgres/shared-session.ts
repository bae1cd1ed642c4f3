import { setTimeout } from "node:timers";
import type { Database, Session } from "./database.ts";

/** A lost session is opened again so soon, and not sooner after it failed. */
const AGAIN_MS = 200;

/**
 * One connection of the store's own, opened when it is first needed and again when it is lost. Beats go by it, so that they
 * wait for no other statement of this process, and it hears what is notified. Behind a pooler it hears nothing.
 */
export interface SharedSession {
  /** Whether it hears what is notified. */
  readonly canListen: boolean;
  /** Null: there is none just now. */
  open(): Promise<Session | null>;
  /** Calls the listener at each notification on the channel. */
  listen(channel: string, listener: () => void): void;
  unlisten(channel: string): void;
  /** Gives a session up that does not answer; the next use opens another. */
  drop(): void;
  /** Told when the session was lost. */
  onLost(listener: () => void): void;
  close(): void;
}

export function sharedSession(db: Database): SharedSession {
  const channels = new Map<string, () => void>();
  const lostListeners: (() => void)[] = [];
  let opening: Promise<Session | null> | null = null;
  let isClosed = false;

  function open(): Promise<Session | null> {
    if (isClosed) return Promise.resolve(null);
    opening ??= connect().catch(() => {
      opening = null;
      return null;
    });
    return opening;
  }

  async function connect(): Promise<Session> {
    const session = await db.session({
      lost: () => {
        opening = null;
        for (const listener of lostListeners) listener();
        if (isHearing()) openAgain();
      },
      notified: (channel) => channels.get(channel)?.(),
    });
    try {
      if (db.hasSessions) for (const channel of channels.keys()) await session.query(`listen ${channel}`);
      if (isClosed) session.close();
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  function isHearing(): boolean {
    return db.hasSessions && channels.size > 0;
  }

  function openAgain(): void {
    setTimeout(() => {
      if (isClosed || !isHearing()) return;
      void open().then((opened) => {
        if (opened === null) openAgain();
        // What was notified meanwhile reached nobody.
        else for (const listener of channels.values()) listener();
      });
    }, AGAIN_MS).unref();
  }

  return {
    canListen: db.hasSessions,
    open,
    listen: (channel, listener) => {
      channels.set(channel, listener);
      if (!db.hasSessions) return;
      void open().then((opened) => {
        if (opened === null) openAgain();
        else void opened.query(`listen ${channel}`).catch(() => {});
      });
    },
    unlisten: (channel) => {
      channels.delete(channel);
      if (opening === null || !db.hasSessions) return;
      void opening.then((opened) => opened?.query(`unlisten ${channel}`)).catch(() => {});
    },
    drop: () => {
      void opening?.then((opened) => opened?.close());
      opening = null;
      if (isHearing()) openAgain();
    },
    onLost: (listener) => void lostListeners.push(listener),
    close: () => {
      isClosed = true;
      channels.clear();
      void opening?.then((opened) => opened?.close());
      opening = null;
    },
  };
}
