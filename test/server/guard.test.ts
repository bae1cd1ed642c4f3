import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { guard } from "../../src/server/request.ts";
import { phase2World } from "../engine/phase2-world.ts";
import { appOver, asking, served, TOKEN } from "./server-world.ts";

const HOST = "127.0.0.1:7411";

async function world() {
  const { open } = await phase2World();
  const { store, engine } = open();
  return { ask: asking(appOver(store, { engine })), store };
}

/** Sends bytes as they are and gives all that came back, until the server closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    got += chunk;
  });
  socket.on("error", () => {});
  socket.write(text);
  await once(socket, "close");
  return got;
}

describe("who is heard", () => {
  test.each([
    ["no token", { authorization: "" }, 401, "token_missing"],
    ["another token", { authorization: "Bearer other" }, 401, "token_wrong"],
    ["a token that begins like it", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, 401, "token_wrong"],
    ["another scheme", { authorization: `Basic ${TOKEN}` }, 401, "token_missing"],
    ["a name of another site", { host: "evil.com" }, 403, "host_refused"],
    ["a name that begins like ours", { host: "127.0.0.1.evil.com" }, 403, "host_refused"],
    ["a name with a user in front", { host: "127.0.0.1@evil.com" }, 403, "host_refused"],
    ["a page of another site", { origin: "http://evil.com" }, 403, "origin_refused"],
    ["a sandboxed page", { origin: "null" }, 403, "origin_refused"],
    ["another server of this machine", { origin: "http://127.0.0.1:9999" }, 403, "origin_refused"],
  ])("a read with %s is refused", async (_, headers, status, code) => {
    const { ask } = await world();
    const response = await ask("/api/runs", { headers });
    expect([response.status, await response.json()]).toEqual([
      status,
      { error: { code, message: expect.stringMatching(/\.$/) } },
    ]);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("any loopback name is heard, with any port", async () => {
    const { store } = await world();
    for (const host of ["127.0.0.1", "localhost:1", "[::1]:7411", "LOCALHOST:80"]) {
      expect((await asking(appOver(store), host)("/api/runs")).status).toBe(200);
    }
  });

  test("a host's own name is heard where it is given", async () => {
    const { store } = await world();
    const app = appOver(store, { hosts: ["memory.example"] });
    expect((await asking(app, "memory.example")("/api/runs")).status).toBe(200);
    expect((await asking(app, "other.example")("/api/runs")).status).toBe(403);
  });

  test("the query's token counts for the live stream alone", async () => {
    const { ask } = await world();
    const headers = { authorization: "" };
    expect((await ask(`/api/runs?token=${TOKEN}`, { headers })).status).toBe(401);
    const live = await ask(`/api/live?token=${TOKEN}`, { headers });
    await live.body?.cancel();
    expect(live.status).toBe(200);
    expect((await ask("/api/live?token=other", { headers })).status).toBe(401);
  });

  test.each([
    ["no Origin", { origin: null }],
    ["an empty Origin", { origin: "" }],
    ["a sandboxed page's Origin", { origin: "null" }],
    ["the Origin that may open the inspector's stream", { origin: "https://stately.ai" }],
    ["another Origin", { origin: "http://evil.com" }],
    ["the Origin of another port", { origin: "http://127.0.0.1:80" }],
  ])("a write with %s is refused and does nothing", async (_, headers) => {
    const { ask, store } = await world();
    for (const path of ["/api/runs", "/api/runs/x/cancel"]) {
      const response = await ask(path, { method: "POST", headers });
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        403,
        "origin_refused",
      ]);
    }
    expect(await store.runs.list({ limit: 1 })).toEqual([]);
  });

  test("an origin that may listen to the inspector's stream may not write through it", () => {
    const credentials = { host: HOST, origin: "https://stately.ai", authorization: null, queryToken: TOKEN };
    const options = { token: TOKEN, hosts: [], origins: ["https://stately.ai"] };
    expect(() => guard({ ...credentials, isWrite: false }, options)).not.toThrow();
    expect(() => guard({ ...credentials, isWrite: true }, options)).toThrow(
      expect.objectContaining({ code: "origin_refused" }),
    );
  });

  test("without a token of its own, it is the host that decides; host and origin are looked at all the same", async () => {
    const { store } = await world();
    const ask = asking(appOver(store, { token: null }));
    const headers = { authorization: "" };
    expect((await ask("/api/runs", { headers })).status).toBe(200);
    expect((await ask("/api/runs", { headers: { host: "evil.com" } })).status).toBe(403);
    expect((await ask("/api/runs", { method: "POST", headers: { origin: "http://evil.com" } })).status).toBe(
      403,
    );
  });
});

describe("what is taken", () => {
  const json = { "content-type": "application/json" };
  test.each([
    ["a huge body", { body: `{"space":"${"x".repeat(20_000)}"}`, headers: json }, 413, "body_too_large"],
    [
      "a form",
      { body: "space=global", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "body_not_json",
    ],
    ["text that is no JSON", { body: "{", headers: json }, 400, "invalid_request"],
    ["an unknown field", { body: '{"spice":1}', headers: json }, 400, "invalid_request"],
    ["a field of another type", { body: '{"space":1}', headers: json }, 400, "invalid_request"],
    [
      "a space with a control character",
      { body: '{"space":"a\\u0000"}', headers: json },
      400,
      "space_invalid",
    ],
  ])("%s is refused and starts nothing", async (_, init, status, code) => {
    const { ask, store } = await world();
    const response = await ask("/api/runs", { method: "POST", ...init });
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      status,
      code,
    ]);
    expect(await store.runs.list({ limit: 1 })).toEqual([]);
  });

  test("a body without an end is cut at the limit, also when it comes in chunks", async () => {
    const { open } = await phase2World();
    const { port } = await served(appOver(open().store));
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    const head = `POST /api/runs HTTP/1.1\r\nHost: ${HOST}\r\nOrigin: http://${HOST}\r\nAuthorization: Bearer ${TOKEN}\r\n`;
    const answer = await raw(
      port,
      `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each([
    ["never ends its headers", "GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "],
    [
      "never ends its body",
      `POST /api/runs HTTP/1.1\r\nHost: ${HOST}\r\nOrigin: http://${HOST}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    ],
    ["says nothing at all", ""],
  ])("a client that %s is let go in time", async (_, text) => {
    const { open } = await phase2World();
    const { port } = await served(appOver(open().store), { headersMs: 200, requestMs: 300 });
    expect(await raw(port, text)).not.toMatch(/^HTTP\/1\.1 2/);
  });

  test("a header in disguise stays part of the address", async () => {
    const { open } = await phase2World();
    const { port } = await served(appOver(open().store));
    const path = "/api/runs/x%0d%0aSet-Cookie:%20a=b/export";
    const answer = await raw(
      port,
      `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer.toLowerCase()).not.toMatch(/^set-cookie/m);
  });
});

describe("every answer", () => {
  test("is sealed: no sniffing, no framing, no referrer, no foreign origin, not kept", async () => {
    const { ask } = await world();
    for (const [path, status] of [
      ["/api/runs", 200],
      ["/api/nothing", 404],
      ["/api/runs/x", 404],
    ] as const) {
      const { headers, status: got } = await ask(path);
      expect(got).toBe(status);
      expect(Object.fromEntries(headers)).toMatchObject({
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
      });
    }
  });

  test("tells strangers' errors by a code alone, never by a stack", async () => {
    const store = openMemoryStore();
    const broken = {
      ...store,
      runs: { ...store.runs, list: () => Promise.reject(new TypeError("secret path /home/x")) },
    };
    const response = await asking(appOver(broken))("/api/runs");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/secret|at .*\.ts/);
  });
});
