/**
 * What happens to a fleet when its machines and its database fail, at full size, with the figures that `npm run test:fleet`
 * judges small: prints one line a figure. With names, only those: `node bench/fleet.ts kills freeze`.
 *
 *   kills kills-18 kills-pg-boss freeze cut-both cut-up cut-down cut-reset cut-lost clocks restart failover pool connections timeout disk share limits costs
 */
import { measureCosts } from "../test/fleet/costs.ts";
import { failOver, starve } from "../test/fleet/database-faults.ts";
import type { Verdict } from "../test/fleet/invariants.ts";
import { findFaketime } from "../test/fleet/machine.ts";
import { hasNetworks } from "../test/fleet/network.ts";
import {
  cutWorker,
  freezeWorker,
  killWorkers,
  restartDatabase,
  type Scale,
  skewClocks,
} from "../test/fleet/scenarios.ts";
import { sampleLimits, share } from "../test/fleet/shares.ts";
import { majorsHere } from "../test/postgres/servers.ts";
import { hasStandby } from "../test/postgres/standby.ts";

const [major] = majorsHere();
if (major === undefined) throw new Error("There is no PostgreSQL here.");
const full: Scale = { major, spaces: Number(process.env.SPACES ?? 120), ttlMs: 5_000 };
const KILLS = { spaces: 500, kills: 20, everyMs: 5_000 };
const cut = (how: "both" | "up" | "down" | "reset" | "lost") => () =>
  hasNetworks() ? cutWorker({ ...full, how }) : null;

/** Null: it can't be done here, which was said loudly. */
const SCENARIOS: Readonly<Record<string, () => Promise<object> | null>> = {
  kills: () => killWorkers({ ...full, ...KILLS }),
  "kills-18": () => (majorsHere().includes(18) ? killWorkers({ ...full, ...KILLS, major: 18 }) : null),
  "kills-pg-boss": () => killWorkers({ ...full, ...KILLS, carrier: "pg-boss" }),
  freeze: () => freezeWorker(full),
  "cut-both": cut("both"),
  "cut-up": cut("up"),
  "cut-down": cut("down"),
  "cut-reset": cut("reset"),
  "cut-lost": cut("lost"),
  clocks: () => (findFaketime() === null ? null : skewClocks(full)),
  restart: () => restartDatabase({ ...full, awayMs: 15_000 }),
  failover: () => (hasStandby(major) ? failOver(full) : null),
  pool: () => starve({ ...full, of: "pool" }),
  connections: () => starve({ ...full, of: "connections" }),
  timeout: () => starve({ ...full, of: "timeout" }),
  disk: () => starve({ ...full, of: "disk" }),
  share: () => share({ ...full, spaces: 4_000, others: 100 }),
  costs: () => measureCosts({ ...full, spaces: Number(process.env.SPACES ?? 300), ttlMs: 15_000 }),
  limits: () => sampleLimits({ ...full, spaces: 1_500, samples: 10_000 }),
};

const wanted = process.argv.slice(2);
for (const name of wanted.length === 0 ? Object.keys(SCENARIOS) : wanted) {
  const run = SCENARIOS[name];
  if (run === undefined)
    throw new Error(`There is no scenario ${name}; there are ${Object.keys(SCENARIOS).join(", ")}.`);
  const began = Date.now();
  const figures = await run();
  if (figures === null) continue;
  console.log(`\n${name} (PostgreSQL ${major}, ${((Date.now() - began) / 1_000).toFixed(0)} s)`);
  for (const [key, value] of Object.entries(figures)) console.log(`  ${key.padEnd(22)} ${printed(value)}`);
}

function printed(value: unknown): string {
  if (isVerdict(value)) {
    const { failed, ...lists } = value;
    const counts = Object.entries(lists).map(([name, list]) => `${name} ${list.length}`);
    return `${counts.join(", ")}, failed ${JSON.stringify(failed)}`;
  }
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  if (typeof value === "number") return String(Math.round(value * 100) / 100);
  return JSON.stringify(value);
}

function isVerdict(value: unknown): value is Verdict {
  return typeof value === "object" && value !== null && "lostInputs" in value;
}
