import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { Store } from "../../src/domain/ports.ts";
import type { LogRow } from "../../src/domain/run.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";
import { appOver, served, TOKEN } from "./server-world.ts";

/** What Stately's own receiver hears of a run, and a way to wait for it. */
function receive(port: number, run: string) {
  const heard: StatelyInspectionEvent[] = [];
  const watchers = new Set<() => void>();
  const server = `ws://127.0.0.1:${port}/api/inspect?run=${run}&token=${TOKEN}`;
  createWebSocketReceiver({ server }).subscribe((message) => {
    heard.push(message);
    for (const look of watchers) look();
  });
  const until = (isThere: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (isThere()) resolve();
      };
      watchers.add(look);
      look();
    });
  return { heard, until };
}

const wholeLog = (store: Store, run: string) => store.runs.log({ run, after: 0, limit: 10_000 });

/** Every row of the log, as the inspector is told of it. */
function told(rows: readonly LogRow[], run: string) {
  return rows.map((row) => ({
    id: String(row.id),
    createdAt: String(row.atMs),
    sessionId: row.sequence === null ? `${run}/log` : run,
    event: row.sequence === null ? { ...JSON.parse(row.data), type: row.type } : JSON.parse(row.data),
  }));
}

function eventsOf(heard: readonly StatelyInspectionEvent[]) {
  return heard.flatMap((message) => {
    if (message.type !== "@xstate.event") return [];
    const { id, createdAt, sessionId, event } = message;
    return [{ id, createdAt, sessionId, event }];
  });
}

function statusIn(message: StatelyInspectionEvent): unknown {
  return message.type === "@xstate.snapshot" ? message.snapshot.status : undefined;
}

function valueIn(message: StatelyInspectionEvent): unknown {
  return message.type === "@xstate.snapshot" && "value" in message.snapshot
    ? message.snapshot.value
    : undefined;
}

async function finishedRun() {
  const { open } = await phase2World();
  const { store, engine } = open();
  await store.memories.upsert("global", [session(1)]);
  const run = (await (await engine.start()).result).run;
  const { port } = await served(appOver(store, { engine }));
  return { store, engine, run, port };
}

describe("Stately's inspector", () => {
  test("hears of a finished run exactly what its log holds, each event once, in order", async () => {
    const { store, run, port } = await finishedRun();
    const log = await wholeLog(store, run);
    const { heard, until } = receive(port, run);
    await until(() => eventsOf(heard).length === log.length);
    expect(eventsOf(heard)).toEqual(told(log, run));
  });

  test("sees the machine go through the states of the log, to its stored end", async () => {
    const { store, run, port } = await finishedRun();
    const { heard, until } = receive(port, run);
    const ofRoot = () =>
      heard.flatMap((message) =>
        message.type === "@xstate.snapshot" && message.sessionId === run ? [message] : [],
      );
    const steps = await store.runs.steps({ run, to: 10_000 });
    await until(() => ofRoot().length === steps.length);
    const dotted = (value: unknown): string =>
      typeof value === "string"
        ? value
        : (Object.entries(value as object).map(([key, inner]) => `${key}.${dotted(inner)}`)[0] ?? "");
    expect(ofRoot().map(({ snapshot }) => dotted((snapshot as { value?: unknown }).value))).toEqual(
      steps.map(({ value }) => value),
    );
    expect(ofRoot().at(-1)?.snapshot).toEqual(JSON.parse((await store.runs.read(run))?.snapshot ?? ""));
  });

  test("is introduced to child machines, those above first, and hears each event under its actor", async () => {
    const { store, run, port } = await finishedRun();
    const like = await store.runs.read(run);
    const [first] = await store.runs.steps({ run, to: 0 });
    if (like === null || first === undefined) throw new Error("the run has no beginning");
    const { space, machine, version, hash, owner } = like;
    await store.runs.create(
      { id: "with-children", space, machine, version, hash, owner, createdAtMs: 0 },
      {
        ...{ run: "with-children", fence: 0, sequence: 0, atMs: 0, eventType: first.type, event: first.data },
        ...{ value: first.value ?? "", snapshot: like.snapshot, state: "active", intents: [] },
        messages: [
          { actor: "shipment/parcel", type: "packed", value: "ready", event: '{"type":"packed"}' },
          { actor: "shipment", type: "sent", value: "on.its way", event: '{"type":"sent"}' },
        ],
      },
    );
    const { heard, until } = receive(port, "with-children");
    await until(() => heard.some((one) => one.type === "@xstate.event" && one.event.type === "sent"));
    const ofChildren = heard.filter(({ sessionId }) => sessionId.startsWith("with-children/actor/"));
    expect(
      ofChildren.map((one) => [
        one.type,
        one.sessionId.replace("with-children/actor/", ""),
        one.type === "@xstate.actor" ? one.parentId : one.event?.type,
      ]),
    ).toEqual([
      ["@xstate.actor", "shipment", "with-children"],
      ["@xstate.actor", "shipment/parcel", "with-children/actor/shipment"],
      ["@xstate.event", "shipment/parcel", "packed"],
      ["@xstate.snapshot", "shipment/parcel", "packed"],
      ["@xstate.event", "shipment", "sent"],
      ["@xstate.snapshot", "shipment", "sent"],
    ]);
  });

  test("is introduced to the machine with its definition, and to every actor it started", async () => {
    const { run, port } = await finishedRun();
    const { heard, until } = receive(port, run);
    await until(() => heard.some((one) => one.sessionId === run && statusIn(one) === "done"));
    const actors = heard.flatMap((message) => (message.type === "@xstate.actor" ? [message] : []));
    const [root, ...children] = actors;
    expect(root).toMatchObject({ name: "phase2", sessionId: run, rootId: run, _version: "0.7.2" });
    const definition = JSON.parse(root?.definition ?? "") as { id: string; states: object };
    expect([definition.id, Object.keys(definition.states)]).toEqual([
      "phase2",
      Object.keys(phase2Machine.states),
    ]);
    expect(new Set(children.map(({ name }) => name))).toEqual(
      new Set([
        "claimJob",
        "keepLease",
        "keepDeadline",
        "configureAgent",
        "loadMemories",
        "syncSummaries",
        "syncRawMemories",
        "spawnAgent",
        "watchAgent",
        "verifyArtifacts",
        "confirmOwnership",
        "publishMemory",
        "closeAgent",
        "recordSuccess",
        "log",
      ]),
    );
    for (const child of children) expect(child).toMatchObject({ parentId: run, rootId: run });
    const known = new Set(actors.map(({ sessionId }) => sessionId));
    expect(heard.filter(({ sessionId }) => !known.has(sessionId))).toEqual([]);
    // Every child's end is told, from the event that ended it.
    const ended = heard.flatMap((one) =>
      one.type === "@xstate.snapshot" && one.sessionId !== run ? [one.sessionId] : [],
    );
    const started = children.filter(({ name }) => name !== "log").map(({ sessionId }) => sessionId);
    expect(ended.sort()).toEqual(started.sort());
  });

  test("follows a run while it lives", async () => {
    const { open } = await phase2World();
    let finish: () => void = () => {};
    const { store, engine } = open(async (task) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return diligent(task);
    });
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    const { port } = await served(appOver(store, { engine }));
    const { heard, until } = receive(port, run.id);
    await until(() => heard.some((one) => valueIn(one) === "supervising"));
    finish();
    await run.result;
    const log = await wholeLog(store, run.id);
    await until(() => eventsOf(heard).length === log.length);
    expect(eventsOf(heard)).toEqual(told(log, run.id));
  });

  test("sees a run that its process left in the middle, up to where it stands", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
    );
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    // Another app over the same store, which knows nothing of the engine.
    const { port } = await served(appOver(store));
    const { heard, until } = receive(port, run.id);
    await until(() => heard.some((one) => valueIn(one) === "supervising"));
    expect(heard.find(({ type }) => type === "@xstate.actor")).toMatchObject({ name: "phase2" });
  });

  test.each([
    ["another token", `?run=RUN&token=other`, {}, 401],
    ["no token", `?run=RUN`, {}, 401],
    ["another site's page", `?run=RUN&token=${TOKEN}`, { origin: "http://evil.com" }, 403],
    ["another site's name", `?run=RUN&token=${TOKEN}`, { headers: { host: "evil.com" } }, 403],
    ["an unknown run", `?run=nobody&token=${TOKEN}`, {}, 404],
    ["no run", `?token=${TOKEN}`, {}, 400],
  ])("with %s is refused", async (_, query, options, status) => {
    const { run, port } = await finishedRun();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/inspect${query.replace("RUN", run)}`, options);
    const got = await new Promise((resolve) => {
      socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
      socket.on("error", () => {});
    });
    expect(got).toBe(status);
  });

  test("may be Stately's own page, and whoever shouts at the server is let go", async () => {
    const { run, port } = await finishedRun();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/inspect?run=${run}&token=${TOKEN}`, {
      origin: "https://stately.ai",
    });
    onTestFinished(() => socket.terminate());
    await new Promise((resolve) => socket.on("open", resolve));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.send("x".repeat(2_000));
    expect(await closed).toBe(1009);
  });
});
