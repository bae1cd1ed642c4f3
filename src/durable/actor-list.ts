import type { Intent, RunStore } from "../domain/run.ts";
import { dotted } from "./transition.ts";

/** An actor of an unfinished run, as people see it. */
export interface ActorLine {
  /** Its path from the root machine. */
  readonly actor: string;
  /** The name of its logic. */
  readonly src: string;
  /** Where a machine stands, dotted; for what works beside the run `at work`, or when it is tried again. */
  readonly state: string;
}

/** The actors below the root machine, parents first: machines with their states, then what works beside the run. */
export async function actorsOf(
  runs: Pick<RunStore, "actors" | "openIntents">,
  run: string,
): Promise<readonly ActorLine[]> {
  const [rows, intents] = await Promise.all([runs.actors(run), runs.openIntents(run)]);
  const machines = rows.map(({ key, snapshot }) => ({ actor: key, ...standingOf(snapshot) }));
  const leaves = [{ key: "", intents }, ...rows].flatMap((owner) => leavesOf(owner.key, owner.intents));
  return [...machines, ...leaves].sort((a, b) => (a.actor < b.actor ? -1 : 1));
}

/** The state that a codec of the host wrote is known to the host alone. */
function standingOf(snapshot: string): Pick<ActorLine, "src" | "state"> {
  try {
    const { src, state } = JSON.parse(snapshot) as {
      src: string;
      state: { value?: unknown; status: string };
    };
    return { src, state: state.value === undefined ? state.status : dotted(state.value) };
  } catch {
    return { src: "?", state: "?" };
  }
}

function leavesOf(owner: string, intents: readonly Intent[]): readonly ActorLine[] {
  return intents.flatMap(({ kind, child, src, dueAtMs }) => {
    if (kind !== "start") return [];
    const state = dueAtMs === null ? "at work" : `tried again at ${new Date(dueAtMs).toISOString()}`;
    return [{ actor: owner === "" ? child : `${owner}/${child}`, src, state }];
  });
}
