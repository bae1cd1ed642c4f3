/**
 * A machine of a fleet: `lost-machine.child.ts DATABASE HOME STATE`. It takes over what it finds and works on what is due, and
 * kills itself with -9 when the step into STATE is committed. Says how each of its runs ended, one line each.
 */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";

const [path = "", home = "", state = ""] = process.argv.slice(2);
const store = await openSqliteStore({ path });
const { runs } = store;
const commit: typeof runs.commit = async (request) => {
  const outcome = await runs.commit(request);
  if (request.value === state) process.kill(process.pid, "SIGKILL");
  return outcome;
};
const agent = functionAgent(async ({ workspace }) => {
  const names = await readdir(join(workspace, "rollout_summaries"));
  const lines = [
    "# Task Group: shop",
    "scope: work on the shop",
    "applies_to: cwd=/srv/shop; reuse_rule=here",
    "",
    "## Task 1: fix parts",
    "### rollout_summary_files",
    ...names.map((name) => `- rollout_summaries/${name} (cwd=/srv/shop)`),
    "### keywords",
    "- shop",
    "",
    "## Reusable knowledge",
    "- parts are counted [Task 1]",
  ];
  await writeFile(join(workspace, "MEMORY.md"), `${lines.join("\n")}\n`);
  await writeFile(join(workspace, "memory_summary.md"), "v1\n\n## What's in Memory\n- shop\n");
});
const engine = createEngine({ store: { ...store, runs: { ...runs, commit } }, agent, home });
const tell = async (run: { readonly result: Promise<{ readonly status: string }> }) =>
  process.stdout.write(`${(await run.result).status}\n`);
for (const run of await engine.recover()) await tell(run);
const due = await engine.startIfDue();
if (due !== null) await tell(due);
await engine.close();
await store.close();
