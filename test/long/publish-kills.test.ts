import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import type { ReaderReport } from "../publish/polling-reader.ts";
import { temporaryFolder } from "../workspace/bench.ts";

const KILLS = Number(process.env.SLOWWAVE_PUBLISH_KILLS ?? 60);

/** A publisher in a process of its own: the generations it finished, and how often it passed a point of no return. */
function publisher(home: string, first: number, count?: number) {
  const script = new URL("./publisher.ts", import.meta.url).pathname;
  const options = ["--no-warnings", "--experimental-strip-types", script, home, `${first}`];
  const child = spawn(process.execPath, count === undefined ? options : [...options, `${count}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const finished: number[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => line !== "committed" && finished.push(Number(line)));
  const committed = () =>
    new Promise<void>((resolve) => lines.on("line", (line) => line === "committed" && resolve()));
  return { child, finished, committed, gone: once(child, "exit") };
}

test(`${KILLS} kills while publishing: never a torn or missing file, and every end is a whole generation`, async () => {
  const home = await temporaryFolder();
  const root = join(home, "memories");
  const begun = publisher(home, 1, 1);
  expect(await begun.gone).toEqual([0, null]);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const reader = new Worker(new URL("../publish/polling-reader.ts", import.meta.url), {
    workerData: { root, stop },
  });
  await once(reader, "message");
  // It stops early when it has seen enough faults.
  const reported = once(reader, "message");
  let next = 2;
  let unfinished = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, finished, committed, gone } = publisher(home, next);
    while (finished.length === 0) await wait(5);
    // Every second kill is aimed at the renames; strides without a common measure find all their places.
    if (kill % 2 === 0) await committed();
    const delay = (kill * 7.3) % (kill % 2 === 0 ? 11 : 61);
    if (delay >= 1) await wait(delay);
    child.kill("SIGKILL");
    await gone;
    next = Math.max(next, ...finished) + 2;
    const store = await openSqliteStore({ path: join(home, "slowwave.db") });
    if ((await store.generations.openJournal("global")) !== null) unfinished += 1;
    await store.close();
  }
  const last = publisher(home, next, 1);
  expect(await last.gone).toEqual([0, null]);
  Atomics.store(stop, 0, 1);
  const [report] = (await reported) as [ReaderReport];
  expect(report.faults).toEqual([]);
  expect(report.generations).toBeGreaterThan(KILLS);
  // Kills did come between the point of no return and the end.
  expect(unfinished).toBeGreaterThan(KILLS / 10);
  const store = await openSqliteStore({ path: join(home, "slowwave.db") });
  const current = await store.generations.current("global");
  await store.close();
  expect(await hashes(root)).toEqual(
    Object.fromEntries((current?.manifest ?? []).map(({ path, hash }) => [path, hash])),
  );
});

/** Everything in the folder but our mark, temporary files included. */
async function hashes(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== ".slowwave");
  const pairs = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [
      path.slice(root.length + 1),
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ];
  });
  return Object.fromEntries(await Promise.all(pairs));
}
