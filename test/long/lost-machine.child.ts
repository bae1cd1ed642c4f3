/**
 * A machine of a fleet: `lost-machine.child.ts DATABASE HOME STATE`. It takes over what it finds and works on what is due, and
 * kills itself with -9 when the step into STATE is committed. Says how each of its runs ended, one line each.
 */
import { functionAgent } from "../../src/agents/function-agent.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { consolidate } from "../engine/diligent.ts";

const [path = "", home = "", state = ""] = process.argv.slice(2);
const store = await openSqliteStore({ path });
const { runs } = store;
const commit: typeof runs.commit = async (request) => {
  const outcome = await runs.commit(request);
  if (request.value === state) process.kill(process.pid, "SIGKILL");
  return outcome;
};
const agent = functionAgent(({ workspace }) => consolidate(workspace));
const engine = createEngine({ store: { ...store, runs: { ...runs, commit } }, agent, home });
const tell = async (run: { readonly result: Promise<{ readonly status: string }> }) =>
  process.stdout.write(`${(await run.result).status}\n`);
for (const run of await engine.recover()) await tell(run);
const due = await engine.startIfDue();
if (due !== null) await tell(due);
await engine.close();
await store.close();
