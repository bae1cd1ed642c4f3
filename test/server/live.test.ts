import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/domain/clock.ts";
import type { Store } from "../../src/domain/ports.ts";
import { systemClock } from "../../src/durable/system.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { commitOf, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { appOver, served } from "./server-world.ts";
import { listenTo } from "./sse-client.ts";

/** A store with a run that others write to. */
async function storeWithRun(): Promise<Store> {
  const store = openMemoryStore();
  await store.runs.create(newRun(), commitOf(0));
  return store;
}

/** Observations numbered from 1; their text is as long as asked. */
async function observe(store: Store, count: number, length = 0): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    await store.runs.note("run-1", { atMs: NOW_MS, type: "beat", data: { n, text: "x".repeat(length) } });
  }
}

/** The real clock, but its timers are faster. */
const hurried: Clock = {
  ...systemClock,
  setTimeout: (fn, ms) => setTimeout(fn, ms / 100),
};

/** The real clock, but half a minute passes only when the test says so. */
function clockWithHeldMinutes() {
  const held = new Map<object, () => void>();
  const clock: Clock = {
    ...systemClock,
    setTimeout: (fn, ms) => {
      if (ms < 30_000) return systemClock.setTimeout(fn, ms);
      const key = {};
      held.set(key, fn);
      return key;
    },
    clearTimeout: (id) => {
      if (!held.delete(id as object)) systemClock.clearTimeout(id);
    },
  };
  const pass = () => {
    for (const fn of [...held.values()]) fn();
    held.clear();
  };
  return { clock, pass };
}

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => String(from + at));

describe("the live stream", () => {
  test("tells what follows, each row under its own id, to a client that names no id", async () => {
    const store = await storeWithRun();
    const { url } = await served(appOver(store));
    const client = await listenTo(`${url}/api/live`);
    await client.saw(/id: 1\n\n/);
    await store.runs.note("run-1", { atMs: NOW_MS, type: "agent.message", data: { text: "line\nbreak" } });
    await store.runs.commit(commitOf(1));
    expect(await client.received(2)).toEqual([
      {
        id: "2",
        data: {
          id: 2,
          run: "run-1",
          sequence: null,
          atMs: NOW_MS,
          type: "agent.message",
          value: null,
          data: { text: "line\nbreak" },
        },
      },
      {
        id: "3",
        data: {
          id: 3,
          run: "run-1",
          sequence: 1,
          atMs: NOW_MS + 1,
          type: "event.1",
          value: "state1",
          data: { type: "event.1" },
        },
      },
    ]);
    expect(client.raw()).toMatch(/^retry: 1000\nid: 1\n\n/);
  });

  test("continues after a thousand missed events, by header or by query, without a loss or a repetition", async () => {
    const store = await storeWithRun();
    const { url } = await served(appOver(store));
    const first = await listenTo(`${url}/api/live`);
    await first.saw(/id: 1\n\n/);
    await observe(store, 10);
    await first.received(10);
    first.close();
    await observe(store, 1_000);
    for (const client of [
      await listenTo(`${url}/api/live`, first.lastId()),
      await listenTo(`${url}/api/live?after=${first.lastId()}`),
    ]) {
      const missed = await client.received(1_000);
      expect(missed.map(({ id }) => id)).toEqual(ids(12, 1_011));
    }
  });

  test("a hundred clients on one run all hear everything once, in order, while it is written", async () => {
    const store = await storeWithRun();
    const { url } = await served(appOver(store));
    const clients = await Promise.all(Array.from({ length: 100 }, () => listenTo(`${url}/api/live?after=0`)));
    await observe(store, 500);
    await Promise.all(clients.map((client) => client.received(501)));
    await observe(store, 1);
    const heard = await Promise.all(clients.map((client) => client.received(502)));
    for (const messages of heard) expect(messages.map(({ id }) => id)).toEqual(ids(1, 502));
  });

  test("a client that stops reading is cut off, holds nobody up, and loses nothing when it comes back", async () => {
    const store = await storeWithRun();
    const { clock, pass } = clockWithHeldMinutes();
    const { url } = await served(appOver(store, { clock }));
    const [idle, other] = [
      await listenTo(`${url}/api/live?after=0`),
      await listenTo(`${url}/api/live?after=0`),
    ];
    await idle.received(1);
    idle.pause();
    // More than sockets and buffers on both sides can hold.
    await observe(store, 400, 50_000);
    const all = await other.received(401);
    pass();
    idle.resume();
    await idle.gone;
    expect(idle.messages.length).toBeLessThan(401);
    const back = await listenTo(`${url}/api/live`, idle.lastId());
    const rest = await back.received(401 - idle.messages.length);
    expect([...idle.messages, ...rest].map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  });

  test("says it is still there when nothing happens", async () => {
    const store = await storeWithRun();
    const { url } = await served(appOver(store, { clock: hurried }));
    const client = await listenTo(`${url}/api/live`);
    await client.saw(/: still here\n\n: still here\n\n/);
    expect(client.messages).toEqual([]);
  });

  test("of one run leaves the others out, and still moves the place to resume from", async () => {
    const store = await storeWithRun();
    await store.runs.create(newRun({ id: "run-2" }), commitOf(0, { run: "run-2" }));
    const { url } = await served(appOver(store));
    const client = await listenTo(`${url}/api/live?run=run-2&after=0`);
    await client.received(1);
    await observe(store, 2);
    await client.saw(/id: 4\n\n/);
    await store.runs.commit(commitOf(1, { run: "run-2" }));
    expect((await client.received(2)).map(({ id }) => id)).toEqual(["2", "5"]);
  });

  test("refuses a place that is no row's", async () => {
    const { url } = await served(appOver(await storeWithRun()));
    expect((await listenTo(`${url}/api/live`, "1; drop")).status).toBe(400);
    expect((await listenTo(`${url}/api/live?after=-1`)).status).toBe(400);
  });
});
