import { SlowwaveError } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import type { LogRow } from "../domain/run.ts";
import { systemClock } from "../internal/engine.ts";
import { eventView } from "../server/event-view.ts";
import { createFeed, type Feed } from "../server/feed.ts";
import { runDetail } from "../server/run-detail.ts";
import { EXIT } from "./exit-code.ts";
import { dim, type Line } from "./paint.ts";
import { printableJsonLine } from "./printable.ts";
import { runNamed } from "./run-name.ts";
import type { Invocation } from "./shell.ts";
import { openExistingStore } from "./store.ts";
import { watchedRow, watchedRun } from "./watch-view.ts";
import { exitCodeOfSignal, type StopSignal } from "./world.ts";

export interface WatchFlags {
  /** Null: every run of the space, until a signal. Else that run, until it is over. */
  readonly run: string | null;
  readonly allSpaces: boolean;
}

/** How often the picture is drawn while nothing happens: the countdown goes on. */
const FRAME_MS = 1_000;

/** `slowwave watch`: follows runs, whichever process works on them; returns the exit code. */
export async function watch(at: Invocation, flags: WatchFlags): Promise<number> {
  const { output, places, world, json } = at;
  const store = await openExistingStore(places);
  if (store === null) {
    throw new SlowwaveError("nothing_kept", "Nothing was kept here yet; `slowwave import FILE` begins.");
  }
  const feed = createFeed(store.runs, systemClock);
  const ended = new AbortController();
  let signal: StopSignal | null = null;
  const release = world.onSignal((got) => {
    signal ??= got;
    ended.abort();
  });
  try {
    const run = flags.run === null ? null : (await runNamed(flags.run, store, places)).id;
    const isSeen = (space: string) => run !== null || flags.allSpaces || space === places.space;
    const watched: Watched = { at, store, feed, run, isSeen, signal: ended.signal };
    const isPicture = !json && output.isLive && world.stdout.isTTY === true;
    await (isPicture ? draw(watched) : tell(watched));
    return signal === null ? EXIT.ok : exitCodeOfSignal(signal);
  } finally {
    output.settle("keep");
    release();
    feed.close();
    await store.close();
  }
}

interface Watched {
  readonly at: Invocation;
  readonly store: Store;
  readonly feed: Feed;
  readonly run: string | null;
  readonly isSeen: (space: string) => boolean;
  readonly signal: AbortSignal;
}

/** Line by line: of one run from its beginning, of a space from now on. */
async function tell({ at: { output, json }, store, feed, run, isSeen, signal }: Watched): Promise<void> {
  const spaces = new Map<string, string>();
  const spaceOf = async ({ run: id }: LogRow) => {
    const space = spaces.get(id) ?? (await store.runs.read(id))?.space ?? "";
    spaces.set(id, space);
    return space;
  };
  let after = run === null ? await feed.newest() : 0;
  if (run === null) output.say(dim("Watching; what happens from now on is told. Ctrl-C ends it."));
  while (!signal.aborted) {
    const isOver = run !== null && (await store.runs.read(run))?.state !== "active";
    const rows = await nextRows({ store, feed, run, signal }, after, isOver);
    for (const row of rows) {
      const space = await spaceOf(row);
      if (!isSeen(space)) continue;
      const view = eventView(row);
      const line: Line | null = json ? printableJsonLine({ space, ...view }) : watchedRow(view, space);
      if (line !== null) output.print(line);
    }
    after = rows.at(-1)?.id ?? after;
    if (isOver && rows.length === 0) return;
  }
}

const PAGE = 500;

async function nextRows(
  { store, feed, run, signal }: Pick<Watched, "store" | "feed" | "run" | "signal">,
  after: number,
  isOver: boolean,
): Promise<readonly LogRow[]> {
  if (run === null) return feed.next(after, { patienceMs: FRAME_MS, signal });
  const newest = await feed.newest();
  const rows = await store.runs.log({ run, after, limit: PAGE });
  if (rows.length > 0 || isOver) return rows;
  await feed.next(newest, { patienceMs: FRAME_MS, signal });
  return store.runs.log({ run, after, limit: PAGE });
}

/** One picture of every run that lives, drawn again with every event and every second. */
async function draw({ at: { output, world }, store, feed, run, isSeen, signal }: Watched): Promise<void> {
  // One run is told of even if it was over before it could be drawn.
  const drawn = new Set<string>(run === null ? [] : [run]);
  while (!signal.aborted) {
    const newest = await feed.newest();
    const alive = (await store.runs.list({ state: "active", limit: 100 })).filter(
      ({ id, space }) => isSeen(space) && (run === null || id === run),
    );
    const nowMs = world.nowMs();
    const blocks: (readonly Line[])[] = [];
    for (const { id } of alive) {
      drawn.add(id);
      const detail = await runDetail(id, { store, canStart: false, nowMs });
      blocks.push(watchedRun(detail, nowMs, output.columns));
    }
    for (const id of [...drawn].filter((known) => !alive.some((one) => one.id === known))) {
      drawn.delete(id);
      output.say(await lastLine(store, id, nowMs));
    }
    if (run !== null && alive.length === 0) return;
    output.draw(blocks.length === 0 ? [dim("No run is at work; waiting. Ctrl-C ends.")] : blocks.flat());
    await feed.next(newest, { patienceMs: FRAME_MS, signal });
  }
}

async function lastLine(store: Store, id: string, nowMs: number): Promise<Line> {
  const { run } = await runDetail(id, { store, canStart: false, nowMs, events: 1 });
  return [
    dim(`run ${run.id} of space ${run.space}: `),
    `${run.outcome} (${run.status})`,
    dim(` ${run.line}`),
  ];
}
