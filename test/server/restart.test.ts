import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { commitOf, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { TOKEN } from "./server-world.ts";
import { listenTo } from "./sse-client.ts";

/** The server as a process; resolves with its port once it listens. */
async function serverProcess(path: string, port: number): Promise<{ port: number; child: ChildProcess }> {
  const script = join(import.meta.dirname, "serve.child.ts");
  const child = spawn(process.execPath, [script, path, String(port), TOKEN], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { port: Number(said.toString()), child };
}

test("what another process writes reaches the client though the server is killed and started again, once and in order", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-serve-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "slowwave.db");
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  await store.runs.create(newRun(), commitOf(0));
  const write = async (from: number, to: number) => {
    for (let n = from; n <= to; n += 1) {
      await store.runs.note("run-1", { atMs: NOW_MS, type: "beat", data: { n } });
    }
  };

  const first = await serverProcess(path, 0);
  const before = await listenTo(`http://127.0.0.1:${first.port}/api/live?after=1`);
  const writing = write(1, 300);
  await before.received(100);
  first.child.kill("SIGKILL");
  await before.gone;
  await writing;
  await write(301, 400);

  const second = await serverProcess(path, first.port);
  const after = await listenTo(`http://127.0.0.1:${second.port}/api/live`, before.lastId());
  await write(401, 500);
  const rest = await after.received(500 - before.messages.length);
  const numbers = [...before.messages, ...rest].map(({ data }) => (data as { data: { n: number } }).data.n);
  expect(numbers).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
});
