import { writeSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createActor, type PromiseActorLogic, toPromise } from "xstate";
import type { Lease } from "../../src/domain/job.ts";
import { systemClock, systemIds } from "../../src/engine/system.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { publishMemory } from "../../src/services/publish-memory.ts";
import { syncRawMemories } from "../../src/services/sync-raw-memories.ts";
import { syncSummaries } from "../../src/services/sync-summaries.ts";
import { verifyArtifacts } from "../../src/services/verify-artifacts.ts";
import { nodeFiles } from "../../src/services/workspace/node-files.ts";

/** Publishes one generation after another until it is killed, saying `committed` and then its number. Arguments: home, number of the first generation, how many. */
const [home = "", first = "1", count = "1000000"] = process.argv.slice(2);
const SPACE = "global";
const opened = await openSqliteStore({ path: join(home, "slowwave.db") });
const store: typeof opened = {
  ...opened,
  generations: {
    ...opened.generations,
    commit: async (request) => {
      const settled = await opened.generations.commit(request);
      // Said at once, not when the event loop gets to it: whoever aims at this moment must hear of it in time.
      if (request.journal !== null) writeSync(1, "committed\n");
      return settled;
    },
  },
};
const ids = systemIds();

/** Without input the memory would be cleared. */
const INPUTS = [
  {
    threadId: "a",
    sourceUpdatedAt: 1,
    generatedAt: 1,
    rawMemory: "raw",
    rolloutSummary: "#1\n#1",
    rolloutSlug: null,
    rolloutPath: "",
    cwd: "",
    gitBranch: null,
  },
];

for (let n = Number(first); n < Number(first) + Number(count); n += 1) {
  const run = `r${n}-${ids.run()}`;
  const lease = await claimed(run);
  const scratch = join(home, "staging", run);
  const places = {
    scratch,
    workspace: join(scratch, "workspace"),
    rejected: join(home, "rejected"),
    root: join(home, "memories"),
  };
  // The form of what it writes is not what is tried here.
  const gate = { skill_form: "off" } as const;
  const hold = { run, space: SPACE, lease: () => lease, hold: () => {}, note: () => {} };
  const bench = { store, hold, places, homeId: "home", clock: systemClock, ids, files: nodeFiles(), gate };
  await store.memories.recordInputs(run, INPUTS);
  const input = { run, space: SPACE };
  const { base } = await answer(syncSummaries(bench), input);
  await answer(syncRawMemories(bench), { ...input, base });
  for (const [path, text] of Object.entries(generation(n))) {
    await rm(join(places.workspace, path), { recursive: true, force: true });
    await mkdir(dirname(join(places.workspace, path)), { recursive: true });
    if (text !== null) await writeFile(join(places.workspace, path), text);
  }
  await answer(verifyArtifacts(bench), { ...input, base, repairsLeft: 0 });
  await answer(publishMemory(bench), { ...input, base });
  await store.jobs.succeed({ lease, watermark: 0, nowMs: systemClock.nowMs() });
  await rm(scratch, { recursive: true, force: true });
  writeSync(1, `${n}\n`);
}
await store.close();

/** Whoever had the job was killed: its token is taken over and settled first. */
async function claimed(token: string): Promise<Lease> {
  const times = { worker: "w", leaseSeconds: 3600, nowMs: systemClock.nowMs() };
  const row = await store.jobs.read(SPACE);
  if (row?.status === "running") {
    const dead = await store.jobs.takeOver({ space: SPACE, token: row.ownership_token ?? "", ...times });
    if (dead !== null) await store.jobs.release({ lease: dead, reason: "cancelled", nowMs: times.nowMs });
  }
  await store.jobs.enqueue(SPACE, 1);
  const asked = { space: SPACE, token, ...times, successCooldownSeconds: 0, force: true, retries: 3 };
  const outcome = await store.jobs.claim(asked);
  if (outcome.kind !== "claimed") throw new Error(outcome.why);
  return { space: SPACE, token, fence: outcome.fence };
}

/** The handbook refers to a skill of its own generation; those of the two before it are still there. */
function generation(n: number): Record<string, string | null> {
  const skill = `skills/s${n}/SKILL.md`;
  const long = `#${n}\n${"a memory that takes a while to write\n".repeat(4_000)}#${n}\n`;
  return {
    [skill]: long,
    "MEMORY.md": `#${n}\nsee ${skill}\n${long}`,
    "memory_summary.md": `v1\n#${n}\n- topic\n#${n}\n`,
    [`skills/s${n - 3}`]: null,
  };
}

function answer<Output, Input>(logic: PromiseActorLogic<Output, Input>, input: Input): Promise<Output> {
  const actor = createActor(logic, { input } as never);
  actor.subscribe({ error: () => {} });
  const end = toPromise(actor);
  actor.start();
  return end as Promise<Output>;
}
