import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { systemClock } from "../../src/durable/system.ts";
import { createControls } from "../../src/engine/controls.ts";
import * as answers from "../../src/server/answers.ts";
import { phase2World, session } from "../engine/phase2-world.ts";
import { appOver, asking } from "./server-world.ts";

/** A space with two published generations, and an app that may change its memory. */
async function world() {
  const { open, home } = await phase2World();
  const { store, engine } = open();
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  await store.memories.upsert("global", [session(2)]);
  await (await engine.start()).result;
  const maintenance = createControls({ store, home, clock: systemClock });
  const ask = asking(appOver(store, { engine, maintenance }));
  const json = async (path: string, init: RequestInit = {}) => {
    const headers = init.body == null ? {} : { "content-type": "application/json" };
    const { headers: _, ...rest } = init;
    const response = await ask(path, { ...rest, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { ask, json, store, engine };
}

const code = ({ body }: { body: Record<string, unknown> }) =>
  (body.error as { code?: string } | undefined)?.code;

describe("the memory over HTTP", () => {
  test("is listed as the generation in effect, and each file is given as text", async () => {
    const { json, store } = await world();
    const current = await store.generations.current("global");
    const list = await json("/api/spaces/global/memory");
    expect(list).toEqual({
      status: 200,
      body: { space: "global", generation: current?.generation, files: current?.manifest },
    });
    const entry = current?.manifest.find(({ path }) => path === "MEMORY.md");
    const bytes = await store.generations.blob(entry?.hash ?? "");
    expect(await json("/api/spaces/global/memory/MEMORY.md")).toEqual({
      status: 200,
      body: {
        space: "global",
        generation: current?.generation.id,
        ...entry,
        text: Buffer.from(bytes ?? []).toString("utf8"),
      },
    });
    const summary = current?.manifest.find(({ path }) => path.startsWith("rollout_summaries/"));
    expect(await json(`/api/spaces/global/memory/${summary?.path}`)).toMatchObject({
      status: 200,
      body: { path: summary?.path, bytes: summary?.bytes },
    });
  });

  test("of a space that has none is empty", async () => {
    const { json } = await world();
    expect(await json("/api/spaces/nobody/memory")).toEqual({
      status: 200,
      body: { space: "nobody", generation: null, files: [] },
    });
  });

  test.each([
    ["..%2f..%2f..%2fetc%2fpasswd", 404, "unknown_file"],
    ["%2e%2e/%2e%2e/etc/passwd", 404, "not_found"],
    ["/etc/passwd", 404, "unknown_file"],
    ["%2fetc%2fpasswd", 404, "unknown_file"],
    ["MEMORY.md%00", 404, "unknown_file"],
    ["MEMORY.md/..", 404, "not_found"],
    ["memory.md", 404, "unknown_file"],
    ["__proto__", 404, "unknown_file"],
    ["%E0%A4%A", 404, "unknown_file"],
    [".slowwave", 404, "unknown_file"],
  ])("gives nothing for the file %s", async (file, status, expected) => {
    const { json } = await world();
    const answer = await json(`/api/spaces/global/memory/${file}`);
    expect([answer.status, code(answer)]).toEqual([status, expected]);
  });

  test.each([["%00"], ["a%0ab"], ["%1b[31m"], ["x".repeat(201)]])(
    "refuses the space %s at every door",
    async (space) => {
      const { json } = await world();
      for (const [method, path, body] of [
        ["GET", "memory", null],
        ["GET", "memory/MEMORY.md", null],
        ["POST", "rollback", "{}"],
        ["POST", "apply", '{"hash":"00"}'],
      ] as const) {
        const answer = await json(`/api/spaces/${space}/${path}`, { method, body });
        expect([path, answer.status, code(answer)]).toEqual([path, 400, "space_invalid"]);
      }
    },
  );
});

describe("a rollback over HTTP", () => {
  test("restores the generation before, as a new one", async () => {
    const { json, store } = await world();
    const [newest, first] = await store.generations.list("global", 2);
    const answer = await json("/api/spaces/global/rollback", { method: "POST" });
    const current = await store.generations.current("global");
    expect(answer).toMatchObject({
      status: 200,
      body: { space: "global", outcome: "restored", restored: first?.id, kept: null },
    });
    expect(answer.body.generation).toBe(current?.generation.id);
    expect(current?.generation).toMatchObject({ kind: "rollback", parent: newest?.id });
  });

  test.each([
    ['{"generation":"nobody"}', 404, "unknown_generation"],
    ['{"generation":1}', 400, "invalid_request"],
    ['{"generation":"current","space":"other"}', 400, "invalid_request"],
    ['{"__proto__":{"generation":"1"}}', 400, "invalid_request"],
    ["{", 400, "invalid_request"],
  ])("with %s is refused and changes nothing", async (body, status, expected) => {
    const { json, store } = await world();
    const before = await store.generations.list("global", 10);
    const answer = await json("/api/spaces/global/rollback", { method: "POST", body });
    expect([answer.status, code(answer)]).toEqual([status, expected]);
    expect(await store.generations.list("global", 10)).toEqual(before);
  });

  test("is refused where the server only looks, and without a same-origin Origin", async () => {
    const { ask, store } = await world();
    const looking = asking(appOver(store));
    for (const path of ["rollback", "apply"]) {
      const init = { method: "POST", body: '{"hash":"00"}', headers: { "content-type": "application/json" } };
      const body = path === "apply" ? init : { method: "POST" };
      expect((await looking(`/api/spaces/global/${path}`, body)).status).toBe(409);
      expect(
        (await ask(`/api/spaces/global/${path}`, { method: "POST", headers: { origin: null } })).status,
      ).toBe(403);
    }
  });
});

test("a dry run is applied over HTTP exactly once; an unknown hash is refused", async () => {
  const { json, store, engine } = await world();
  await store.memories.upsert("global", [session(3)]);
  const { dryRun } = await (await engine.start({ dryRun: true })).result;
  const apply = (hash: string | undefined) =>
    json("/api/spaces/global/apply", { method: "POST", body: JSON.stringify({ hash }) });
  const unknown = await apply("ffffffff");
  expect([unknown.status, code(unknown)]).toEqual([404, "unknown_draft"]);
  expect(await apply(dryRun?.hash)).toMatchObject({
    status: 200,
    body: { space: "global", outcome: "applied", hash: dryRun?.hash },
  });
  expect((await apply(dryRun?.hash)).body).toMatchObject({ outcome: "unchanged" });
});

describe("the description of the API", () => {
  test("names every route, with what it takes and answers", async () => {
    const { json } = await world();
    const { body } = await json("/api/openapi.json");
    const paths = body.paths as Record<string, Record<string, object>>;
    expect(
      Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`)),
    ).toEqual([
      "get /api/runs",
      "post /api/runs",
      "get /api/sessions",
      "get /api/fleet",
      "get /api/runs/{id}",
      "get /api/runs/{id}/events",
      "get /api/runs/{id}/at/{sequence}",
      "get /api/runs/{id}/export",
      "post /api/runs/{id}/cancel",
      "get /api/live",
      "get /api/generations",
      "get /api/diff",
      "get /api/spaces/{space}/memory",
      "get /api/spaces/{space}/memory/{file}",
      "post /api/spaces/{space}/rollback",
      "post /api/spaces/{space}/apply",
      "get /api/machine",
      "get /api/coverage",
    ]);
    expect(paths["/api/spaces/{space}/apply"]?.post).toMatchObject({
      parameters: [{ name: "space", in: "path", required: true }],
      requestBody: {
        content: { "application/json": { schema: { required: ["hash"], additionalProperties: false } } },
      },
    });
  });

  test("holds for what the server sends", async () => {
    const { json, store } = await world();
    const [run] = await store.runs.list({ limit: 1 });
    const [newest] = await store.generations.list("global", 1);
    const shapes: readonly (readonly [string, z.ZodType])[] = [
      ["/api/runs", answers.runsAnswer],
      [`/api/runs/${run?.id}`, answers.runAnswer],
      [`/api/runs/${run?.id}/events`, answers.eventsAnswer],
      [`/api/runs/${run?.id}/at/0`, answers.snapshotAnswer],
      ["/api/machine", answers.machineAnswer],
      ["/api/generations", answers.generationsAnswer],
      [`/api/diff?to=${newest?.id}`, answers.diffAnswer],
      ["/api/spaces/global/memory", answers.memoryAnswer],
      ["/api/spaces/global/memory/MEMORY.md", answers.memoryFileAnswer],
      ["/api/nothing", answers.errorAnswer],
    ];
    for (const [path, shape] of shapes) {
      expect({ path, error: shape.safeParse((await json(path)).body).error }).toEqual({
        path,
        error: undefined,
      });
    }
  });
});
