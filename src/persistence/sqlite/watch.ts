import { clearInterval, setInterval } from "node:timers";
import type { Database } from "better-sqlite3";

/**
 * Between two looks. SQLite tells a connection the version of the data as it sees it, which changes with each commit of
 * another one: a look at shared memory, some microseconds long.
 */
const LOOK_MS = 40;

/** Tells listeners that something was left for runs. */
export interface Watch {
  watch(listener: () => void, until: AbortSignal): void;
  /** This connection left something itself: others may share it. */
  notify(): void;
}

/** Notices what other connections commit, as long as somebody listens. */
export function watchCommits(db: Database): Watch {
  const version = db.prepare<[], number>("pragma data_version").pluck();
  const listeners = new Set<() => void>();
  let timer: NodeJS.Timeout | null = null;
  let seen: number | undefined;

  function look(): void {
    if (!db.open) {
      end();
      return;
    }
    let now: number | undefined;
    try {
      now = version.get();
    } catch {
      // Busy: the next look sees it.
      return;
    }
    if (now === seen) return;
    seen = now;
    notify();
  }

  function notify(): void {
    for (const listener of [...listeners]) listener();
  }

  function end(): void {
    if (timer !== null) clearInterval(timer);
    timer = null;
  }

  return {
    notify,
    watch(listener, until) {
      if (until.aborted) return;
      const own = () => listener();
      listeners.add(own);
      if (timer === null) {
        seen = version.get();
        timer = setInterval(look, LOOK_MS).unref();
      }
      until.addEventListener("abort", () => {
        if (listeners.delete(own) && listeners.size === 0) end();
      });
    },
  };
}
