import { statusAgent } from "../../src/agents/extractive-agent.ts";
import { scrubbedEnvironment } from "../../src/process/environment.ts";
import { realClock } from "../agents/real-clock.ts";

/**
 * A process that supervises an agent until it is killed: `node supervisor.ts <spec as JSON> <script>`. Says
 * `spawned` on stdout when the agent runs.
 */
const [specText = "", script = ""] = process.argv.slice(2);
const spec = JSON.parse(specText);
const runner = statusAgent({
  name: "scripted",
  sandbox: "none",
  network: "none",
  usesModel: false,
  command: async () => ({
    file: process.execPath,
    args: ["-e", script],
    env: scrubbedEnvironment(process.env, spec.key),
    cwd: spec.workspace,
  }),
});
const handle = await runner.spawn(spec, realClock);
handle.events$.subscribe((event) => {
  if (event.type === "agent.running") process.stdout.write("spawned\n");
});
