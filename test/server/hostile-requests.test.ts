import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { type App, nodeListener } from "../../src/server/index.ts";
import { appOver, served, TOKEN } from "./server-world.ts";

/**
 * Bytes that a page or a program can send to a port of this machine: request lines, headers, bodies and frames that no
 * well-behaved client writes. Each one goes to each door over a socket of its own, and the process lives on.
 */
const TARGETS = [
  ...[
    "//",
    "///",
    "//:",
    "//[",
    "//[::1",
    "//a:b",
    "//a:99999/",
    "//evil.example/api/inspect",
    "/\\",
    "/\\evil",
  ],
  ...[
    "\\\\evil\\x",
    "http://",
    "http://%/",
    "http://[/",
    "http://a:99999/",
    "https://evil.example/",
    "ws://x",
  ],
  ...[
    "file:///etc/passwd",
    "javascript:1",
    "data:,x",
    "*",
    "?",
    "#",
    "/?",
    "/#",
    "a",
    "%",
    "/%",
    "/%2",
    "/%zz",
  ],
  ...["/%00", "/%E0%A4%A", "/%ff%fe", "/%ED%A0%80", "/..%2f..%2fetc%2fpasswd", "/../../../etc/passwd"],
  ...[
    "/api/..",
    "/api/%2e%2e/%2e%2e",
    "/api",
    "/api/",
    "/api//",
    "/api//runs",
    "/api/runs/",
    "/api/runs/__proto__",
  ],
  ...["/api/runs/constructor/export", "/api/runs/%00/at/1", "/api/runs/x/at/-1", "/api/runs/x/at/1e308"],
  ...[
    "/api/runs/x/at/NaN",
    "/api/runs/%E0%A4%A",
    "/api/runs?limit=-1",
    "/api/runs?limit=1e9",
    "/api/runs?%=%",
  ],
  ...["/api/runs?limit=1&limit=2", "/api/runs?__proto__=x", "/api/runs?outcome=constructor", "/api/diff"],
  ...[
    "/api/diff?to=__proto__",
    "/api/diff?to=%00&from=%00",
    "/api/generations?space=%00",
    "/api/live?after=NaN",
  ],
  ...[
    "/api/live?token=%00",
    `/api/live?token=${TOKEN}&after=9e99`,
    "/api/live?run=%ED%A0%80",
    "/api/inspect",
  ],
  ...[
    "/api/inspect?run=%E0%A4%A",
    `/api/inspect?token=${TOKEN}&run=%00`,
    "/api/inspect?run=",
    "/api/inspect?%",
  ],
  ...[
    `/api/inspect?token=${TOKEN}&run=__proto__`,
    `/${"a".repeat(9_000)}`,
    `/api/runs/${"%41".repeat(3_000)}`,
  ],
  ...[
    "/constructor",
    "/__proto__",
    "/index.html%00.js",
    "/index.html/..",
    "/assets/../../package.json",
    "/;a=b",
    "//@",
    "//user:pass@evil/",
    "/:80",
    "/@",
    "http:/",
    "http:",
    "/api/machine%0d%0aX-Evil:1",
  ],
];

const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

type Head = { readonly method?: string; readonly target: string; readonly headers: readonly string[] };
const head = ({ method = "GET", target, headers }: Head) =>
  [`${method} ${target} HTTP/1.1`, ...headers, "", ""].join("\r\n");

/** Whole requests whose headers, bodies or frames are what is wrong. */
function malformedRequests(host: string): readonly (readonly [string, string])[] {
  const auth = `Authorization: Bearer ${TOKEN}`;
  const write = [`Host: ${host}`, auth, `Origin: http://${host}`, "Content-Type: application/json"];
  const post = (body: string, ...headers: string[]) =>
    head({ method: "POST", target: "/api/runs", headers: [...write, ...headers] }) + body;
  const upgrade = (...headers: string[]) =>
    head({ target: `/api/inspect?run=x&token=${TOKEN}`, headers: [`Host: ${host}`, ...headers] });
  const withHost = (name: string) => head({ target: "/api/runs", headers: [`Host: ${name}`, auth] });
  return [
    ["no host", head({ target: "/api/runs", headers: [auth] })],
    ...[
      "",
      "evil.example",
      "127.0.0.1.evil.example",
      "127.0.0.1@evil.example",
      "127.0.0.1:abc",
      "[::1",
      "%",
      "\\",
    ].map((name) => [`the host "${name}"`, withHost(name)] as const),
    ["two hosts", head({ target: "/api/runs", headers: [`Host: ${host}`, "Host: evil.example", auth] })],
    [
      "a token of odd bytes",
      head({ target: "/api/runs", headers: [`Host: ${host}`, "Authorization: Bearer \u00ff\u00fe"] }),
    ],
    [
      "cookies that are none",
      head({ target: "/", headers: [`Host: ${host}`, `Cookie: =;;%E0%A4%A;${"a=b;".repeat(500)}`] }),
    ],
    ["a header too large", head({ target: "/", headers: [`Host: ${host}`, `X: ${"a".repeat(20_000)}`] })],
    ["a header without a name", head({ target: "/", headers: [`Host: ${host}`, ": x"] })],
    ["a NUL in a header", head({ target: "/", headers: [`Host: ${host}`, "X: a\0b"] })],
    ["a prototype key in the body", post('{"__proto__":{"space":"polluted"}}', "Content-Length: 34")],
    ["a constructor key in the body", post('{"constructor":{"prototype":{"a":1}}}', "Content-Length: 37")],
    ["a deep body", post(`${"[".repeat(8_000)}${"]".repeat(8_000)}`, "Content-Length: 16000")],
    ["a length that lies", post("{}", "Content-Length: 1000000000")],
    ["two lengths", post("{}", "Content-Length: 2, 3")],
    ["a length below nothing", post("{}", "Content-Length: -1")],
    ["a length and chunks", post("0\r\n\r\nG", "Content-Length: 6", "Transfer-Encoding: chunked")],
    ["a chunk of no size", post("zz\r\n", "Transfer-Encoding: chunked")],
    ["another encoding", post("0\r\n\r\n", "Transfer-Encoding: xchunked")],
    ["a body that is not UTF-8", post("\u00ff\u00fe\u00ff", "Content-Length: 3")],
    ["an expectation", post("{}", "Content-Length: 2", "Expect: a miracle")],
    ["CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\n\r\n"],
    ["TRACE", head({ method: "TRACE", target: "/api/runs", headers: [`Host: ${host}`] })],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["bare newlines", `GET /api/runs HTTP/1.1\nHost: ${host}\n\n`],
    ["nothing but newlines", "\r\n\r\n\r\n\r\n"],
    ["an upgrade to HTTP/2", upgrade("Connection: Upgrade", "Upgrade: h2c")],
    ["an upgrade without a key", upgrade(...UPGRADE.slice(0, 3))],
    ["an upgrade with a short key", upgrade(...UPGRADE.slice(0, 3), "Sec-WebSocket-Key: x")],
    [
      "an upgrade of another version",
      upgrade(...UPGRADE.slice(0, 2), "Sec-WebSocket-Version: 99", UPGRADE[3] ?? ""),
    ],
    ["an upgrade with odd protocols", upgrade(...UPGRADE, "Sec-WebSocket-Protocol: ,,\u0001")],
    ["an upgrade with odd extensions", upgrade(...UPGRADE, "Sec-WebSocket-Extensions: ;;=")],
    [
      "an upgrade by POST",
      head({ method: "POST", target: "/api/inspect", headers: [`Host: ${host}`, ...UPGRADE] }),
    ],
    ["an upgrade of a host of its own", upgrade(...UPGRADE, "Host: evil.example")],
  ];
}

/** Sends bytes over a socket of their own; resolves with the status of the answer, null where there was none. */
function send(port: number, bytes: string): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(Buffer.from(bytes, "latin1")));
    let answer = "";
    const finish = () => {
      socket.destroy();
      const status = /^HTTP\/1\.1 (?<status>\d{3})/.exec(answer)?.groups?.status;
      resolve(status === undefined ? null : Number(status));
    };
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      // A live stream would go on for ever.
      if (answer.includes("\r\n\r\n")) finish();
    });
    socket.on("error", finish);
    socket.on("close", finish);
  });
}

/** What escaped a handler while the test ran. Vitest would fail too, but not say which request it was. */
function escapedErrors(): readonly unknown[] {
  const escaped: unknown[] = [];
  const note = (error: unknown) => void escaped.push(error);
  for (const name of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(name, note);
    onTestFinished(() => void process.off(name, note));
  }
  return escaped;
}

async function hosted(app: App): Promise<number> {
  const server: Server = createServer(nodeListener(app));
  server.on("upgrade", (request, socket, first) => {
    if (!app.upgrade(request, socket, first)) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const SERVERS = [
  ["the server of this package", async () => (await served(appOver(openMemoryStore()))).port],
  ["a server of the host's own", () => hosted(appOver(openMemoryStore()))],
] as const;
const DOORS = [
  ["a request", ["Connection: close"]],
  ["an upgrade", UPGRADE],
  ["a request with a token", ["Connection: close", `Authorization: Bearer ${TOKEN}`]],
] as const;

describe.each(SERVERS)("%s", (_, start) => {
  test.each(DOORS)("lives on whatever the request line of %s says", async (__, headers) => {
    const escaped = escapedErrors();
    const port = await start();
    const host = `127.0.0.1:${port}`;
    for (const target of TARGETS) {
      const status = await send(port, head({ target, headers: [`Host: ${host}`, ...headers] }));
      expect({ target, status, escaped }).toEqual({ target, status, escaped: [] });
      expect([target, status === null || (status >= 200 && status < 500)]).toEqual([target, true]);
    }
    expect(await send(port, head({ target: "/api/runs", headers: [`Host: ${host}`] }))).toBe(401);
  });

  test("lives on whatever headers, bodies and frames say, and starts nothing", async () => {
    const escaped = escapedErrors();
    const port = await start();
    const host = `127.0.0.1:${port}`;
    for (const [name, bytes] of malformedRequests(host)) {
      const status = await send(port, bytes);
      expect({ name, escaped }).toEqual({ name, escaped: [] });
      expect([name, status !== 201 && (status === null || status < 500)]).toEqual([name, true]);
    }
    expect(await send(port, head({ target: "/api/runs", headers: [`Host: ${host}`] }))).toBe(401);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

test("at least 84 request lines and 30 whole requests are thrown", () => {
  expect(TARGETS.length).toBeGreaterThanOrEqual(84);
  expect(malformedRequests("x").length).toBeGreaterThanOrEqual(30);
});

test("a malformed address is answered with 400 and a code, at a request and at an upgrade", async () => {
  const { port } = await served(appOver(openMemoryStore()));
  const host = [`Host: 127.0.0.1:${port}`];
  const statuses: Record<string, number | null> = {};
  for (const target of ["//", "/\\", "http://%/", "*"]) {
    statuses[`upgrade ${target}`] = await send(port, head({ target, headers: [...host, ...UPGRADE] }));
  }
  for (const target of ["/\\", "http://%/", "*"]) {
    statuses[`request ${target}`] = await send(port, head({ target, headers: host }));
  }
  expect(statuses).toEqual({
    ...{ "upgrade //": 400, "upgrade /\\": 400, "upgrade http://%/": 400, "upgrade *": 400 },
    ...{ "request /\\": 400, "request http://%/": 400, "request *": 400 },
  });
});

test("a store that fails in the middle of a live stream ends that stream and nothing else", async () => {
  const escaped = escapedErrors();
  const store = openMemoryStore();
  const failing = () => Promise.reject(new Error("the disk is gone"));
  const { port } = await served(appOver({ ...store, runs: { ...store.runs, log: failing } }));
  const live = head({ target: `/api/live?token=${TOKEN}&after=0`, headers: [`Host: 127.0.0.1:${port}`] });
  // The first rows are asked for before the head is sent, so the client may see its line close and nothing else.
  expect([null, 200]).toContain(await send(port, live));
  const cold = head({ target: "/api/runs", headers: [`Host: 127.0.0.1:${port}`] });
  expect([await send(port, cold), escaped]).toEqual([401, []]);
});
