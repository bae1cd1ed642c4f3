/**
 * `npm run bench [-- NAME…]`: every table of figures. Ratios hold; absolute times are those of this machine at
 * this moment.
 */
import { claimToSpawn } from "./claim-to-spawn.ts";
import { cliStart } from "./cli-start.ts";
import { durable } from "./durable.ts";
import { pureStep } from "./pure-step.ts";
import { supervised } from "./supervised.ts";

const benches: Record<string, () => Promise<void>> = {
  durable,
  "pure-step": pureStep,
  "claim-to-spawn": claimToSpawn,
  supervised,
  "cli-start": cliStart,
};
const wanted = process.argv.slice(2);
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) await bench();
}
