/**
 * The visualizer and its API under a path of a server that has other things to do: here one of plain node:http.
 *
 *   node examples/serve-in-host.ts          looks at itself and ends
 *   node examples/serve-in-host.ts 8080     stays, for a browser
 */

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "slowwave";
import { extractiveAgent } from "slowwave/agents";
import { createApp, nodeListener } from "slowwave/server";
import { openSqliteStore } from "slowwave/sqlite";

const home = await mkdtemp(join(tmpdir(), "slowwave-host-"));
const store = await openSqliteStore({ path: join(home, "slowwave.db") });
const engine = createEngine({ store, agent: extractiveAgent(), home });

// The host decides who may ask; without a server of its own it would give a token here.
const memory = createApp({ store, engine, token: null, base: "/memory" });
const answerMemory = nodeListener(memory);

const server = createServer((request, response) => {
  if (request.url?.startsWith("/memory")) return answerMemory(request, response);
  return response.end("The host's own page. The memory is at /memory/.\n");
});
// Stately's inspector, over WebSocket.
server.on("upgrade", (request, socket, head) => {
  if (!memory.upgrade(request, socket, head)) socket.destroy();
});

const wanted = process.argv[2];
await new Promise<void>((resolve) => server.listen(Number(wanted ?? 0), "127.0.0.1", resolve));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
console.log(`${address}/memory/`);

await store.memories.upsert("global", [
  {
    threadId: "019a0000-0000-7000-8000-000000000001",
    sourceUpdatedAt: 1_774_212_000,
    rawMemory: "Preference signals:\n- keep answers short\n",
    rolloutSummary: "# Renamed a package\n\nThe user asked for short answers.",
    cwd: "/home/dev/shop",
  },
]);

// What a browser does: a write with the server's own origin, then the run until it is over.
const json = async (path: string, init: RequestInit = {}) => {
  const headers = { origin: address, "content-type": "application/json" };
  return (await fetch(`${address}/memory/api/${path}`, { headers, ...init })).json();
};
const { run } = (await json("runs", { method: "POST", body: "{}" })) as { run: string };
const live = await fetch(`${address}/memory/api/live?after=0&run=${run}`);
const decoder = new TextDecoder();
for await (const chunk of live.body ?? []) {
  const text = decoder.decode(chunk, { stream: true });
  for (const [, state] of text.matchAll(/"value":"([^"]+)"/g)) console.log(`  ${state}`);
  if (/"value":"(succeeded|failed|skipped)"/.test(text)) break;
}
const { result } = (await json(`runs/${run}`)) as { result: { status: string } | null };
console.log(result?.status);

if (wanted === undefined) {
  memory.close();
  server.closeAllConnections();
  server.close();
  await engine.close();
  await store.close();
  await rm(home, { recursive: true });
}
if (result?.status !== "succeeded") process.exitCode = 1;
