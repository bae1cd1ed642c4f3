import { causeOf } from "../../domain/failure.ts";
import { agentNamed } from "../agent-named.ts";
import { choicesFrom } from "../settings.ts";
import { type Check, failure, fine, type Patient } from "./check.ts";

/** The agent of the settings, and the sandbox it would run in. */
export async function checkAgent({ at }: Patient): Promise<Check> {
  try {
    const { agent, ...how } = choicesFrom({}, at.world.env, at.places.configFile);
    const runner = agentNamed(agent, how);
    const found = await runner.probe?.();
    if (found === undefined) return fine("agent", `${agent} is here`);
    return "missing" in found
      ? failure("agent", found.missing)
      : fine(
          "agent",
          `${agent} is here, sandbox ${found.sandbox}, network ${found.network ?? runner.network}`,
        );
  } catch (error) {
    return failure("agent", causeOf(error));
  }
}
