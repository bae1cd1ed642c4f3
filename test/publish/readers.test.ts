import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { desk, memory } from "../workspace/bench.ts";
import type { ReaderReport } from "./polling-reader.ts";

const long = (n: number, head = "") => `${head}#${n}\n${LINES}#${n}\n`;
const LINES = Array.from({ length: 400 }, (_, at) => `memory ${at} takes a while to write\n`).join("");

/** The handbook of generation n refers to a skill of its own; those of the two before it are still there. */
function generation(n: number): Record<string, string | null> {
  const skill = `skills/s${n}/SKILL.md`;
  return {
    [skill]: long(n),
    "MEMORY.md": `#${n}\nsee ${skill}\n${long(n)}`,
    "memory_summary.md": `v1\n#${n}\n- topic\n#${n}\n`,
    [`skills/s${n - 3}`]: null,
  };
}

test("a reader at full speed never meets a torn or missing file, nor a reference that leads nowhere", async () => {
  const d = await desk();
  await (await d.begin("r1", [memory("a")])).complete(generation(1));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const reader = new Worker(new URL("./polling-reader.ts", import.meta.url), {
    workerData: { root: d.root, stop },
  });
  await once(reader, "message");
  // It stops early when it has seen enough faults.
  const reported = once(reader, "message");
  for (let n = 2; n <= 16; n += 1) {
    const begun = await d.begin(`r${n}`, [memory("a")]);
    await begun.complete(generation(n));
  }
  Atomics.store(stop, 0, 1);
  const [report] = (await reported) as [ReaderReport];
  expect(report.faults).toEqual([]);
  // It did look, and while things changed.
  expect(report.generations).toBeGreaterThan(3);
  expect(report.reads).toBeGreaterThan(50);
}, 60_000);
