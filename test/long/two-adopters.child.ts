/**
 * A process that works on one home: `two-adopters.child.ts FOLDER begin|recover`. Its agent is a process of its own. It says
 * `ready`, waits for a word, and says in the end how each of its runs ended: `RUN STATUS`, one line each.
 */
import { join } from "node:path";
import { statusAgent } from "../../src/agents/extractive-agent.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { scrubbedEnvironment } from "../../src/process/environment.ts";

const [folder = "", does = "", agentScript = ""] = process.argv.slice(2);
const agent = statusAgent({
  name: "scripted",
  sandbox: "none",
  network: "none",
  usesModel: false,
  command: async ({ workspace, key }) => ({
    file: process.execPath,
    args: [agentScript, workspace, folder],
    env: scrubbedEnvironment(process.env, key),
    cwd: workspace,
  }),
});
const store = await openSqliteStore({ path: join(folder, "slowwave.db") });
const engine = createEngine({ store, agent, home: folder });
process.stdout.write("ready\n");
// Two of them are let go at one moment.
await new Promise((go) => process.stdin.once("data", go));
process.stdin.destroy();
const runs = does === "begin" ? [await engine.start()] : await engine.recover();
for (const { id, result } of runs) process.stdout.write(`${id} ${(await result).status}\n`);
await engine.close();
await store.close();
