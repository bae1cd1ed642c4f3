import { tokenHeldBy } from "../../domain/parked-run.ts";
import type { RunRecord } from "../../domain/run.ts";
import { type Check, fine, type Patient, warning } from "./check.ts";

const LOOKED_AT = 100;

/** Unfinished runs whose process is dead, and runs nobody can interpret. */
export async function checkRuns({ store }: Patient): Promise<readonly Check[]> {
  if (store === null) return [fine("runs", "no runs yet")];
  const active = await store.runs.list({ state: "active", limit: LOOKED_AT });
  const owners = await Promise.all(active.map(({ owner }) => store.owners.probe(owner)));
  const left = active.filter((_, at) => owners[at] === "dead");
  const unseen = active.filter((_, at) => owners[at] === "unknown");
  const parked: RunRecord[] = [];
  for (const run of await store.runs.list({ state: "parked", limit: LOOKED_AT })) {
    if (tokenHeldBy(run, await store.jobs.read(run.space)) !== null) parked.push(run);
  }
  const found = [
    ...left.map(({ id, space }) =>
      warning("runs", `run ${id} of space ${space} was left by a process that died`, "slowwave recover"),
    ),
    ...unseen.map(({ id, space }) =>
      warning("runs", `the process of run ${id} of space ${space} cannot be seen from here`),
    ),
    ...parked.map(({ id, parked }) =>
      warning("runs", `run ${id} is parked: ${parked}`, `slowwave cancel ${id}`),
    ),
  ];
  return found.length > 0 ? found : [fine("runs", `${active.length} at work, none left behind`)];
}
