import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { ReaderReport } from "../publish/polling-reader.ts";
import { temporaryFolder } from "../workspace/bench.ts";

const SECONDS = 10;

test(`a reader at full speed for ${SECONDS} seconds, another process publishing all the while: nothing torn, nothing missing`, async () => {
  const home = await temporaryFolder();
  const script = new URL("./publisher.ts", import.meta.url).pathname;
  const flags = ["--no-warnings", "--experimental-strip-types"];
  const publisher = spawn(process.execPath, [...flags, script, home, "1000000", "400"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(publisher, "exit");
  const lines = createInterface({ input: publisher.stdout });
  let published = 0;
  lines.on("line", () => {
    published += 1;
  });
  try {
    // What the second and third refer to is there only from the third on.
    while (published < 3) await Promise.race([wait(5), gone.then(failed)]);
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const reader = new Worker(new URL("../publish/polling-reader.ts", import.meta.url), {
      workerData: { root: join(home, "memories"), stop },
    });
    await once(reader, "message");
    // It stops early when it has seen enough faults.
    const reported = once(reader, "message");
    const before = published;
    await Promise.race([wait(SECONDS * 1_000), reported, gone.then(failed)]);
    const during = published - before;
    Atomics.store(stop, 0, 1);
    const [report] = (await reported) as [ReaderReport];
    console.log(`${report.reads} reads, ${during} publishes, ${report.generations} generations seen`);
    expect(report.faults).toEqual([]);
    // Both were at it, however busy the machine is.
    expect(during).toBeGreaterThan(2);
    expect(report.generations).toBeGreaterThan(2);
    expect(report.reads).toBeGreaterThan(100 * SECONDS);
  } finally {
    publisher.kill("SIGKILL");
    await gone;
  }
});

function failed(): never {
  throw new Error("The publisher ended by itself.");
}
