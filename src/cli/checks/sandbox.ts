import { causeOf } from "../../domain/failure.ts";
import { type SandboxName, sandboxNamed } from "../../internal/sandbox.ts";
import { choicesFrom } from "../settings.ts";
import { type Check, failure, fine, type Patient, warning } from "./check.ts";

/** The room for agents that bring none: tried with its network closed and open. Not every agent needs it. */
export async function checkSandbox({ at }: Patient): Promise<Check> {
  try {
    return await tried(choicesFrom({}, at.world.env, at.places.configFile).sandbox);
  } catch (error) {
    return failure("sandbox", causeOf(error));
  }
}

async function tried(wanted: SandboxName | undefined): Promise<Check> {
  if (wanted === "none") {
    return warning("sandbox", "none, by choice: the agent reads, writes and reaches all that you can");
  }
  const bubblewrap = sandboxNamed("bubblewrap");
  const [closed, open] = await Promise.all([bubblewrap.probe("none"), bubblewrap.probe("open")]);
  if ("missing" in open) return warning("sandbox", open.missing);
  const name = open.version === null ? "bubblewrap" : `bubblewrap ${open.version}`;
  return "missing" in closed
    ? warning("sandbox", `${name} holds, but can't close the network: ${closed.missing}`)
    : fine("sandbox", `${name} holds, with the network open and closed`);
}
