import { stat } from "node:fs/promises";
import { causeOf } from "../../domain/failure.ts";
import { type SandboxName, sandboxNamed } from "../../internal/sandbox.ts";
import { ownerOfFolder } from "../../internal/store.ts";
import { agentNamed } from "../agents.ts";
import { choicesFrom } from "../settings.ts";
import { about, quoted } from "../ui/format.ts";
import { type Check, failure, fine, type Patient, warning } from "./check.ts";

/** An older one never gets here: the entry refuses it. */
export function checkNode(): Check {
  return fine("node", `Node ${process.versions.node}`);
}

/** A few seconds are two clocks that differ; more is a clock that jumped. */
const TOLERANCE_MS = 60_000;

/** Whether something was written in what is now the future. */
export async function checkClock({ at, store }: Patient): Promise<Check> {
  const now = at.world.nowMs();
  const [newest] = (await store?.runs.list({ limit: 1 })) ?? [];
  const jobs = (await store?.jobs.list()) ?? [];
  const newestMs = Math.max(
    newest?.updatedAtMs ?? 0,
    ...jobs.map(({ started_at, finished_at }) => Math.max(started_at ?? 0, finished_at ?? 0) * 1000),
  );
  if (newestMs <= now + TOLERANCE_MS) return fine("clock", new Date(now).toISOString());
  return warning(
    "clock",
    `something was written ${about((newestMs - now) / 1000)} from now: the clock went back`,
    "timedatectl status",
  );
}

/** Memories are private: nobody but the owner may read the home. */
export async function checkHome({ at }: Patient): Promise<Check> {
  const { home } = at.places;
  const found = await stat(home).catch(() => null);
  if (found === null) return fine("home", `${home} is not there yet; the first import or run makes it`);
  if (!found.isDirectory()) return failure("home", `${home} is not a folder`, "slowwave doctor --home DIR");
  const owner = await ownerOfFolder(home);
  if (owner !== null) {
    const names = `what ${owner.program} keeps (${owner.found.join(", ")})`;
    return owner.isOurs
      ? warning("home", `${home} is a home of Slowwave and holds ${names}: the two may write the same files`)
      : failure("home", `${home} is no home of Slowwave but holds ${names}`, "slowwave doctor --home DIR");
  }
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    return warning("home", `${home} can be read by others`, `chmod 700 ${quoted(home)}`);
  }
  return fine("home", home);
}

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
