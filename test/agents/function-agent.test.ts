import { functionAgent } from "../../src/services/agents/function-agent.ts";
import { agentContract } from "./contract.ts";

agentContract("the function agent", () => ({
  good: functionAgent(async () => "done"),
  endless: functionAgent(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
  ),
  failing: functionAgent(async () => {
    throw new Error("no model today");
  }),
  unstartable: null,
}));
