/** Learns every session of a folder as a process of its own, and says each step on stdout: `learner.child.ts FOLDER`. */
import { join } from "node:path";
import { createLearner } from "../../src/engine/learner.ts";
import { extractNote, gatherEvidence } from "../../src/extraction/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { READERS } from "../../src/transcripts/index.ts";

const [folder = ""] = process.argv.slice(2);
const home = join(folder, "state");
const store = await openSqliteStore({ path: join(home, "slowwave.db") });
const learner = createLearner({
  store,
  home,
  readers: READERS,
  rules: { gather: gatherEvidence, extract: extractNote },
  surroundings: { env: {}, home: folder, platform: "linux" },
});
learner.events$.subscribe((event) => {
  if (event.type === "state.entered") process.stdout.write(`${event.key} ${event.state}\n`);
});
for (const { result } of await learner.recover()) await result;
await learner.look({ space: "global" });
const due = await learner.due({ space: "global", limit: 1_000 });
await Promise.all(due.map(async ({ key }) => (await learner.learn({ space: "global", key })).result));
await learner.close();
await store.close();
