/** Stands for an engine that is going to be killed: starts the agent of the spec in a sandbox and says when it runs and when it is done. */
import type { AgentSpec } from "../../src/domain/agent.ts";
import { realClock } from "../agents/real-clock.ts";
import { agentIn } from "./in-sandbox.ts";

const [, , name = "bubblewrap", spec = "{}", script = ""] = process.argv;
const handle = await agentIn(name as "bubblewrap" | "none", script).spawn(
  JSON.parse(spec) as AgentSpec,
  realClock,
);
handle.events$.subscribe((event) => {
  if (event.type === "agent.running") console.log("running");
  if (event.type === "agent.completed") console.log(event.message);
});
