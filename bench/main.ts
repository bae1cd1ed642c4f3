/**
 * `npm run bench [-- NAME…]`: every table of figures, each from a process of its own, so that none inherits another's
 * heap or compiled code. Ratios hold; absolute times are those of this machine at this moment.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { claimToSpawn } from "./claim-to-spawn.ts";
import { cliStart } from "./cli-start.ts";
import { durable } from "./durable.ts";
import { hookStart } from "./hook.ts";
import { learn } from "./learn.ts";
import { postgres } from "./postgres.ts";
import { pureStep } from "./pure-step.ts";
import { supervised } from "./supervised.ts";
import { transcripts } from "./transcripts.ts";

const benches: Record<string, () => Promise<void>> = {
  durable,
  "pure-step": pureStep,
  "claim-to-spawn": claimToSpawn,
  supervised,
  "cli-start": cliStart,
  hook: hookStart,
  transcripts,
  learn,
  postgres,
};
const known = Object.keys(benches);
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no bench named ${unknown.join(", ")}; there are ${known.join(", ")}.`);
  process.exit(2);
}
const wanted = asked.length === 0 ? known : asked;
for (const name of wanted) {
  if (wanted.length === 1) await benches[name]?.();
  else runApart(name);
}

function runApart(bench: string): void {
  const again = [...process.execArgv, fileURLToPath(import.meta.url), bench];
  const { status } = spawnSync(process.execPath, again, { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
