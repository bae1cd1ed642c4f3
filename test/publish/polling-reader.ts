import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";

/**
 * Reads a memory root as fast as it can until told to stop, as an agent's harness would: the handbook, what it
 * refers to, the summary. Every text in it begins and ends with the number of its generation.
 */
export interface ReaderReport {
  readonly reads: number;
  readonly generations: number;
  readonly faults: readonly string[];
}

/** `pauseMs`: between two looks, where others need the machine too. */
export interface ReaderTask {
  readonly root: string;
  readonly stop: Int32Array;
  readonly pauseMs?: number;
}

const { root, stop, pauseMs = 0 } = workerData as ReaderTask;
const faults: string[] = [];
const seen = new Set<string>();
let reads = 0;

function read(path: string): string {
  reads += 1;
  try {
    const text = readFileSync(join(root, path), "utf8");
    const [first, last] = [/^(?:v1\n)?#(\d+)\n/.exec(text)?.[1], /\n#(\d+)\n$/.exec(text)?.[1]];
    if (first === undefined || first !== last) faults.push(`torn ${path}: ${first} … ${last}`);
    return text;
  } catch (error) {
    faults.push(`missing ${path}: ${(error as Error).message}`);
    return "";
  }
}

function numberOf(text: string): number {
  return Number(/#(\d+)/.exec(text)?.[1]);
}

/**
 * What a handbook refers to is there until the third handbook after it. On a busy machine this thread may sleep
 * for that long between two reads; only a reference missing while its handbook, or a near one, is in effect is a fault.
 */
function follow(reference: string, from: number): void {
  const before = faults.length;
  read(reference);
  if (faults.length > before && numberOf(read("MEMORY.md")) >= from + 3) faults.length = before;
}

parentPort?.postMessage("ready");
while (Atomics.load(stop, 0) === 0 && faults.length < 10) {
  const summary = read("memory_summary.md");
  const handbook = read("MEMORY.md");
  seen.add(summary.slice(0, 20));
  for (const [, reference = ""] of handbook.matchAll(/^see (.*)$/gm)) follow(reference, numberOf(handbook));
  // What the summary knows, the handbook read after it knows at least.
  const [told, known] = [numberOf(summary), numberOf(handbook)];
  if (told > known) faults.push(`summary ${told} before handbook ${known}`);
  if (pauseMs > 0) Atomics.wait(stop, 0, 0, pauseMs);
}
const report: ReaderReport = { reads, generations: seen.size, faults };
parentPort?.postMessage(report);
