import type { Clock } from "../domain/clock.ts";
import type { LogRow, RunStore } from "../domain/run.ts";
import type { EventView } from "./api.ts";

/** A row of the log as the API shows it. */
export function eventView({ data, ...row }: LogRow): EventView {
  return { ...row, data: parsed(data) };
}

/** Stored by us, so it is JSON; a damaged row is shown as it is rather than hiding the others. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** How often the log is asked for what other processes wrote, while someone listens. */
const POLL_MS = 250;
const PAGE = 500;
/** Newest rows kept at hand, so that a hundred listeners read the store once. */
const KEPT = 2_000;

/**
 * The log as it grows, for any number of listeners, whoever writes it. Each listener keeps its own place and
 * asks for what comes after it: nothing is pushed, so nobody can be overrun, miss a row or get one twice.
 */
export interface Feed {
  /**
   * Rows after this id, oldest first, at most a page: at once if there are any, else as soon as there are.
   * Empty when `patienceMs` passed or `signal` was raised.
   */
  next(
    after: number,
    waiting: { readonly patienceMs: number; readonly signal: AbortSignal },
  ): Promise<readonly LogRow[]>;
  /** Id of the newest row; 0 while there is none. */
  newest(): Promise<number>;
  /** Something was written just now. */
  wake(): void;
  /** Raised by `close`, which also answers everyone who waits, with nothing. */
  readonly closed: AbortSignal;
  close(): void;
}

export function createFeed(runs: Pick<RunStore, "log" | "tail">, clock: Clock): Feed {
  const waiting = new Set<() => void>();
  const recent = recentRows(runs);
  let poll: unknown = null;
  let isPolling = false;
  let isStale = true;
  const closing = new AbortController();

  async function refresh(): Promise<void> {
    if (isPolling || closing.signal.aborted) return;
    isPolling = true;
    clock.clearTimeout(poll);
    isStale = false;
    let found = 0;
    try {
      found = await recent.read();
      isStale ||= found === PAGE;
    } catch {
      // Busy or locked: asked again with the next poll, and no row is passed over.
    }
    isPolling = false;
    if (found > 0) for (const ring of [...waiting]) ring();
    if (waiting.size === 0 || closing.signal.aborted) return;
    if (isStale) void refresh();
    else poll = clock.setTimeout(() => void refresh(), POLL_MS);
  }

  const ringOrPatience = (patienceMs: number, signal: AbortSignal) =>
    new Promise<boolean>((resolve) => {
      const finish = (rang: boolean) => {
        waiting.delete(ring);
        clock.clearTimeout(timer);
        signal.removeEventListener("abort", leave);
        if (waiting.size === 0) clock.clearTimeout(poll);
        resolve(rang);
      };
      const ring = () => finish(true);
      const leave = () => finish(false);
      const timer = clock.setTimeout(leave, patienceMs);
      signal.addEventListener("abort", leave);
      waiting.add(ring);
      // What was seen last may be old: nobody looked while nobody waited.
      if (waiting.size === 1) void refresh();
    });

  return {
    next: async (after, { patienceMs, signal }) => {
      while (!closing.signal.aborted && !signal.aborted) {
        const stored = await recent.older(after);
        if (stored.length > 0) return stored;
        // From here to the registration nothing is awaited, so no row can slip in between.
        const rows = recent.atHand(after);
        if (rows.length > 0) return rows;
        if (!(await ringOrPatience(patienceMs, signal))) return [];
      }
      return [];
    },
    newest: recent.newest,
    wake: () => {
      isStale = true;
      if (waiting.size > 0) void refresh();
    },
    closed: closing.signal,
    close: () => {
      closing.abort();
      clock.clearTimeout(poll);
      for (const ring of [...waiting]) ring();
    },
  };
}

/** The newest rows of the log at hand, from the moment somebody first asked. */
function recentRows(runs: Pick<RunStore, "log" | "tail">) {
  /** Every row after `from` up to the last read. */
  let seen: Window | null = null;
  let opening: Promise<number> | null = null;

  async function newest(): Promise<number> {
    const [last] = await runs.tail({ limit: 1 });
    return last?.id ?? 0;
  }

  async function open(): Promise<Window> {
    opening ??= newest();
    opening.catch(() => {
      opening = null;
    });
    const from = await opening;
    seen ??= { from, rows: [] };
    return seen;
  }

  return {
    newest,
    /** Reads one page of what was written since the last read; resolves with its length. */
    async read(): Promise<number> {
      const { from, rows: known } = await open();
      const rows = await runs.log({ after: known.at(-1)?.id ?? from, limit: PAGE });
      if (rows.length > 0) seen = shortened({ from, rows: [...known, ...rows] });
      return rows.length;
    },
    /** From the store, when it is further back than what is at hand. */
    async older(after: number): Promise<readonly LogRow[]> {
      const { from } = await open();
      return after < from ? runs.log({ after, limit: PAGE }) : [];
    },
    atHand(after: number): readonly LogRow[] {
      const rows = seen?.rows ?? [];
      const start = rows.findIndex(({ id }) => id > after);
      return start === -1 ? [] : rows.slice(start, start + PAGE);
    },
  };
}

interface Window {
  readonly from: number;
  readonly rows: readonly LogRow[];
}

function shortened({ from, rows }: Window): Window {
  if (rows.length <= KEPT) return { from, rows };
  const kept = rows.slice(-KEPT);
  return { from: rows[rows.length - KEPT - 1]?.id ?? from, rows: kept };
}

/** A comment this often keeps proxies and the client sure that the line is up. */
const COMMENT_MS = 15_000;
/** A client that has taken nothing for this long is cut off; it comes back with the last id it saw. */
const STALLED_MS = 30_000;
const RECONNECT_MS = 1_000;
/** Written at once; a client that takes this much is not stalled, however slow it is. */
const LONGEST_CHUNK = 64 * 1024;

export interface LiveOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  /** Id of the last row the client has. */
  readonly after: number;
  /** Only the rows of this run. */
  readonly run: string | null;
  /** Ends the connection under a client that stopped reading. */
  readonly cut: () => void;
}

/**
 * The log as server-sent events: the id of each is its row's, so that a reconnect is a query. The next rows are
 * fetched when the client has taken the last ones: a slow client costs one page of memory, not a queue.
 */
export function liveStream({ feed, clock, after, run, cut }: LiveOptions): ReadableStream<Uint8Array> {
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, feed.closed]);
  let at = after;
  let isGreeted = false;
  let stalled: unknown = null;
  const end = () => {
    ended.abort();
    clock.clearTimeout(stalled);
  };

  async function nextText(): Promise<string | null> {
    if (!isGreeted) {
      isGreeted = true;
      // An id without data sets where the browser resumes from, even if nothing ever follows.
      return `retry: ${RECONNECT_MS}\nid: ${at}\n\n`;
    }
    const rows = await feed.next(at, { patienceMs: COMMENT_MS, signal: over });
    if (over.aborted) return null;
    if (rows.length === 0) return ": still here\n\n";
    let text = "";
    for (const row of rows) {
      if (text.length > LONGEST_CHUNK) break;
      if (run === null || row.run === run) text += textOf(row);
      at = row.id;
    }
    // What was left out still moves the place to resume from.
    return text === "" ? `id: ${at}\n\n` : text;
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clock.clearTimeout(stalled);
        const text = await nextText();
        if (text === null) {
          controller.close();
          return;
        }
        controller.enqueue(new TextEncoder().encode(text));
        stalled = clock.setTimeout(() => {
          end();
          cut();
        }, STALLED_MS);
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/** Rows don't change, and a hundred listeners want the same text. */
const TEXTS = new WeakMap<LogRow, string>();

function textOf(row: LogRow): string {
  const known = TEXTS.get(row) ?? `id: ${row.id}\ndata: ${JSON.stringify(eventView(row))}\n\n`;
  TEXTS.set(row, known);
  return known;
}
