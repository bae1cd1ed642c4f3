import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { quoted } from "../quoted.ts";
import { type Check, fine, type Patient, warning } from "./check.ts";

/** Staging without a run, and lock files of processes that died (looking at those removes them). */
export async function checkLeftovers({ at, store }: Patient): Promise<readonly Check[]> {
  const { home } = at.places;
  const found: Check[] = [];
  for (const run of await namesIn(join(home, "staging"))) {
    const record = await store?.runs.read(run);
    if (record?.state === "active") continue;
    const path = join(home, "staging", run);
    found.push(warning("staging", `${path} belongs to no run that lives`, `rm -r ${quoted(path)}`));
  }
  const owners = (await namesIn(join(home, "owners"))).filter((name) => name.endsWith(".db"));
  const verdicts = await Promise.all(owners.map((name) => store?.owners.probe(name.slice(0, -".db".length))));
  const dead = verdicts.filter((verdict) => verdict === "dead").length;
  const alive = verdicts.filter((verdict) => verdict === "alive").length;
  return [
    ...(found.length > 0 ? found : [fine("staging", "nothing left behind")]),
    fine("owners", `${alive} alive${dead === 0 ? "" : `, ${dead} dead (cleared)`}`),
  ];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
