import type { Clock } from "../domain/clock.ts";
import type { LogRow } from "../domain/run.ts";
import { eventView } from "./event-view.ts";
import type { Feed } from "./feed.ts";

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
