import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { appOver, asking, served } from "./server-world.ts";

/** A built page with a secret beside it. */
async function pageFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-page-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "secret.txt"), "secret");
  await mkdir(join(folder, "page", "assets"), { recursive: true });
  await writeFile(join(folder, "page", "index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(folder, "page", "assets", "main-1a2b.js"), "export {};");
  return join(folder, "page");
}

const noToken = { headers: { authorization: "" } };

describe("the page", () => {
  test("needs no token, and may load and ask only its own server", async () => {
    const ask = asking(appOver(openMemoryStore(), { page: await pageFolder() }));
    const page = await ask("/", noToken);
    expect([page.status, await page.text()]).toEqual([200, "<!doctype html><title>page</title>"]);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const script = await ask("/assets/main-1a2b.js", noToken);
    expect([script.status, script.headers.get("cache-control")]).toEqual([
      200,
      "public, max-age=31536000, immutable",
    ]);
  });

  test("is served under no other site's name", async () => {
    const ask = asking(appOver(openMemoryStore(), { page: await pageFolder() }));
    expect((await ask("/", { headers: { host: "evil.com" } })).status).toBe(403);
  });

  test.each([
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/....//secret.txt",
    "//etc/passwd",
    "/..%5csecret.txt",
    "/secret.txt%00.js",
    "/%",
  ])("leads nowhere else: %s", async (path) => {
    const { port } = await served(appOver(openMemoryStore(), { page: await pageFolder() }));
    // Over a bare socket, since every client tidies the address first.
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    await new Promise((resolve) => socket.on("close", resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/secret$/);
  });

  test("that is not built says how to build it, and the API works without it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "slowwave-page-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const ask = asking(appOver(openMemoryStore(), { page: folder }));
    const page = await ask("/");
    expect([page.status, await page.json()]).toEqual([
      404,
      { error: { code: "page_missing", message: expect.stringContaining("npm run build") } },
    ]);
    expect((await ask("/api/runs")).status).toBe(200);
  });
});

test("mounted under a path, page and API are found there and nowhere else", async () => {
  const ask = asking(appOver(openMemoryStore(), { page: await pageFolder(), base: "/memory" }));
  const bare = await ask("/memory", noToken);
  expect([bare.status, bare.headers.get("location")]).toEqual([308, "/memory/"]);
  expect((await ask("/memory/", noToken)).status).toBe(200);
  expect((await ask("/memory/assets/main-1a2b.js", noToken)).status).toBe(200);
  expect((await ask("/memory/api/runs")).status).toBe(200);
  expect((await ask("/memory/api/runs", noToken)).status).toBe(401);
  expect((await ask("/api/runs")).status).toBe(404);
  expect((await ask("/", noToken)).status).toBe(404);
});
