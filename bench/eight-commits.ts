import type { CommitRequest } from "../src/domain/run.ts";
import { createDurableEngine } from "../src/durable/engine.ts";
import { openMemoryStore } from "../src/persistence/memory/index.ts";
import { eightEffects } from "./eight-effects.ts";

/** The nine commits of one run of eight effects, for any run: written down from the engine itself. */
export async function eightCommits(): Promise<
  (run: string, sequence: number, atMs: number) => CommitRequest
> {
  const store = openMemoryStore();
  const made: CommitRequest[] = [];
  const runs: typeof store.runs = {
    ...store.runs,
    create: (run, first) => store.runs.create(run, kept(first)),
    commit: (request) => store.runs.commit(kept(request)),
  };
  const kept = (request: CommitRequest) => {
    made.push(request);
    return request;
  };
  const actors = eightEffects.implementations.actors as never;
  const engine = createDurableEngine({ store: { ...store, runs }, machine: eightEffects, actors });
  await (await engine.start({ input: undefined })).done;
  await engine.close();
  return (run, sequence, atMs) => {
    const commit = made[sequence] as CommitRequest;
    const intents = commit.intents.map((intent) => ({ ...intent, run, key: `${run}/${sequence}/work` }));
    return { ...commit, snapshot: commit.snapshot, run, atMs, intents };
  };
}
