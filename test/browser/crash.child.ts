/** A process that is killed in the middle of a run: `node crash.child.ts HOME SPACE`. Says when the agent is at work. */
import { join } from "node:path";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { waits } from "./work.ts";

const [home = "", space = ""] = process.argv.slice(2);
const engine = createEngine({
  store: await openSqliteStore({ path: join(home, "slowwave.db") }),
  agent: functionAgent((task) => {
    task.report("I begin, and shall not end.");
    process.stdout.write("working\n");
    return waits(task);
  }),
  home,
});
await engine.start({ space });
