import type { EventView } from "../../../src/server/api.ts";

export interface LiveEnds {
  rowsArrived(rows: readonly EventView[]): void;
  /** Also after every reconnect: what the page shows may be old. */
  opened(): void;
  lost(): void;
}

const BATCH_MS = 40;
const AGAIN_MS = 2_000;

/**
 * The stream of what happens, once for all tabs: whoever holds the lock listens and tells the others. The browser
 * reconnects by itself and names the last event it got, so the server sends what was missed.
 */
export function listen(url: () => string, channel: BroadcastChannel, ends: LiveEnds): void {
  channel.addEventListener("message", ({ data }) => {
    if (data?.kind === "rows") ends.rowsArrived(data.rows as readonly EventView[]);
    if (data?.kind === "opened") ends.opened();
    if (data?.kind === "lost") ends.lost();
    if (data?.kind === "live?" && source?.readyState === EventSource.OPEN)
      channel.postMessage({ kind: "opened" });
  });
  let source: EventSource | null = null;
  let waiting: EventView[] = [];

  const flush = () => {
    const rows = waiting;
    waiting = [];
    ends.rowsArrived(rows);
    channel.postMessage({ kind: "rows", rows });
  };
  const onMessage = (message: MessageEvent<string>) => {
    if (waiting.length === 0) setTimeout(flush, BATCH_MS);
    waiting.push(JSON.parse(message.data) as EventView);
  };
  const connect = () => {
    const stream = new EventSource(url());
    source = stream;
    stream.addEventListener("open", () => {
      ends.opened();
      channel.postMessage({ kind: "opened" });
    });
    stream.addEventListener("message", onMessage);
    stream.addEventListener("error", () => {
      ends.lost();
      channel.postMessage({ kind: "lost" });
      // Refused, not broken off: the browser gives up, we ask again.
      if (stream.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
    });
  };

  channel.postMessage({ kind: "live?" });
  if (navigator.locks === undefined) connect();
  else
    void navigator.locks.request("slowwave-live", () => {
      connect();
      // Held until the tab is closed; then the next tab takes over.
      return new Promise<never>(() => {});
    });
}
