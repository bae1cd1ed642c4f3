import { expect } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { commitOf, intent, newRun } from "../../src/testing/store/given.ts";
import { storeProcess } from "../contract/process.ts";

const RUNS = ["run-1", "run-2", "run-3", "run-4"];

/**
 * Kills a writing process again and again, each time when so many commits were acknowledged (the moment within a
 * commit is chance), and looks at what is on disk: whole commits only, and every one that was acknowledged.
 */
export async function killWriters(path: string, kills: readonly number[]): Promise<void> {
  const ours = await openSqliteStore({ path });
  for (const run of RUNS) await ours.runs.create(newRun({ id: run }), step(run, 0));
  for (const after of kills) {
    const writer = await storeProcess();
    const acknowledged = await writeUntil(after, await writer.open({ path }), ours);
    await writer.kill();
    for (const run of RUNS) await expectWhole(ours, run, acknowledged.get(run) ?? 0);
  }
  await ours.close();
  // And as a newcomer finds it, with nobody left who knew the file.
  const again = await openSqliteStore({ path });
  for (const run of RUNS) await expectWhole(again, run, 1);
  await again.close();
}

/** Advances all runs at once until so many commits were acknowledged, and returns with others still under way. */
async function writeUntil(count: number, theirs: Store, ours: Store): Promise<ReadonlyMap<string, number>> {
  const acknowledged = new Map<string, number>();
  let left = count;
  await new Promise<void>((resolve) => {
    for (const run of RUNS) void advance(run, resolve);
  });
  return acknowledged;

  async function advance(run: string, enough: () => void): Promise<void> {
    let sequence = (await ours.runs.read(run))?.sequence ?? 0;
    while (left > 0) {
      sequence += 1;
      await theirs.runs.commit(step(run, sequence));
      acknowledged.set(run, sequence);
      left -= 1;
    }
    // One more is on its way when the process dies.
    void theirs.runs.commit(step(run, sequence + 1));
    enough();
  }
}

async function expectWhole(store: Store, run: string, acknowledged: number): Promise<void> {
  const record = await store.runs.read(run);
  const sequence = record?.sequence ?? -1;
  expect(sequence).toBeGreaterThanOrEqual(acknowledged);
  expect(record?.snapshot).toBe(step(run, sequence).snapshot);
  expect(await store.runs.openIntents(run)).toEqual(step(run, sequence).intents);
  const log = await store.runs.log({ run, after: 0, limit: 9999 });
  expect(log.map((row) => row.sequence)).toEqual(Array.from({ length: sequence + 1 }, (_, at) => at));
}

/** Each commit leaves an intent of its own open: only whole commits leave exactly that one. */
function step(run: string, sequence: number) {
  return commitOf(sequence, { run, intents: [intent(`${run}/${sequence}/next`)] });
}
