import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { FleetOverview } from "../../src/domain/admission.ts";
import type { Store } from "../../src/domain/ports.ts";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import { judge, type Verdict } from "./invariants.ts";
import { agentSpans, type Entry, type Journal, openJournal, readJournal } from "./journal.ts";
import { type Machine, type MachineOptions, startMachine } from "./machine.ts";
import { openFleetStore } from "./store.ts";

/** Sessions of each space that is seeded. */
const SESSIONS = 3;

export interface FleetOptions {
  /** The address of the store as the machines reach it. */
  readonly store: string;
  /** For all machines: `FLEET_*` without its head, such as `{ AGENT_MS: 500 }`. */
  readonly env?: Readonly<Record<string, string | number>>;
}

/** Machines that share a store and nothing else, and what was done to them. */
export interface Fleet {
  readonly folder: string;
  readonly store: Store;
  readonly machines: readonly Machine[];
  /** So many more spaces, `t00/p00000` and on, of so many tenants in turn, each with three sessions. */
  seed(spaces: number, tenants: number): Promise<void>;
  /** One space of each of so many tenants, `other000/p` and on. */
  seedOthers(tenants: number): Promise<void>;
  /** How many were seeded. */
  spaces(): number;
  start(more?: Partial<Pick<MachineOptions, "netns" | "clock" | "env">>): Promise<Machine>;
  /** Kills one that has at least so many agents at work, and has another one begin in its place; null when none has. */
  killBusy(agents: number): Promise<Machine | null>;
  overview(): Promise<FleetOverview>;
  /** Asks again and again until it is so; throws, with what is known, after the time. */
  until(
    what: string,
    isSo: (now: FleetOverview) => boolean | Promise<boolean>,
    timeoutMs: number,
  ): Promise<void>;
  /** Until nothing is due, admitted or running. */
  rest(timeoutMs: number): Promise<void>;
  journal(): readonly Entry[];
  journalOf(machine: string): Journal;
  judge(): Promise<Verdict>;
  close(): Promise<void>;
}

export async function openFleet({ store: address, env = {} }: FleetOptions): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-fleet-"));
  const journals = join(folder, "journals");
  mkdirSync(journals);
  // Its own place in the fleet is that of an observer: it starts nothing.
  const store = await openFleetStore(address, { patienceMs: 60_000 });
  const machines: Machine[] = [];
  const shared = Object.fromEntries(
    Object.entries(env).map(([key, value]) => [`FLEET_${key}`, String(value)]),
  );
  let serial = 0;
  let seeded = 0;

  const seed: Fleet["seed"] = async (spaces, tenants) => {
    for (let from = 0; from < spaces; from += 50) {
      const numbers = Array.from({ length: Math.min(50, spaces - from) }, () => seeded++);
      await Promise.all(
        numbers.map((number) => store.memories.upsert(spaceName(number, tenants), sessionsOf(number))),
      );
    }
  };
  const start: Fleet["start"] = async (more = {}) => {
    const name = `w${serial}`;
    serial += 1;
    const own = { FLEET_STORE: address, ...shared, ...more.env };
    const machine = startMachine({ ...more, name, folder, env: own });
    machines.push(machine);
    await machine.ready;
    return machine;
  };
  const overview = () => {
    const { successCooldownSeconds, retries } = DEFAULT_SETTINGS;
    return store.admissions.overview({ successCooldownSeconds, retries, nowMs: Date.now(), tenants: 1_000 });
  };
  const until: Fleet["until"] = async (what, isSo, timeoutMs) => {
    const began = Date.now();
    for (;;) {
      const now = await overview();
      if (await isSo(now)) return;
      if (Date.now() - began > timeoutMs) {
        const errors = machines.map((machine) => `${machine.name}: ${machine.errors()}`).join("\n");
        const { due, admitted, running } = now;
        const last = readJournal(journals)
          .filter(({ type }) => type === "problem")
          .slice(-5);
        const known = JSON.stringify({ due, admitted, running, last });
        throw new Error(`After ${timeoutMs} ms still not: ${what}. ${known}\n${errors}`);
      }
      await pause(200);
    }
  };

  return {
    folder,
    store,
    machines,
    seed,
    spaces: () => seeded,
    async seedOthers(tenants) {
      const numbers = Array.from({ length: tenants }, () => seeded++);
      await Promise.all(
        numbers.map((number, at) => {
          const space = `other${String(at).padStart(3, "0")}/p`;
          return store.memories.upsert(space, sessionsOf(number));
        }),
      );
    },
    start,
    async killBusy(agents) {
      const spans = agentSpans(readJournal(journals)).filter(({ toMs }) => toMs === null);
      const busy = machines.filter(
        ({ name, isAlive }) => isAlive() && spans.filter(({ worker }) => worker === name).length >= agents,
      );
      const victim = busy[Math.floor(Math.random() * busy.length)];
      if (victim === undefined) return null;
      await victim.kill();
      start().catch(() => {});
      return victim;
    },
    overview,
    until,
    rest: (timeoutMs) =>
      until(
        "nothing is due or at work",
        ({ due, admitted, running }) => due + admitted + running === 0,
        timeoutMs,
      ),
    journal: () => readJournal(journals),
    journalOf: (machine) => openJournal(journals, machine, `${machine}.network`),
    judge: () => judge(store, readJournal(journals), { sessions: SESSIONS }),
    async close() {
      await Promise.all(machines.filter((machine) => machine.isAlive()).map((machine) => machine.kill()));
      await store.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function spaceName(number: number, tenants: number): string {
  const tenant = String(number % tenants).padStart(2, "0");
  return `t${tenant}/p${String(number).padStart(5, "0")}`;
}

export function sessionsOf(space: number) {
  return Array.from({ length: SESSIONS }, (_, at) => ({
    threadId: `019a${String(space).padStart(4, "0")}-${String(at).padStart(4, "0")}-7000-8000-${String(space).padStart(12, "0")}`,
    sourceUpdatedAt: 1_774_212_000 + at * 60,
    rawMemory: `Reusable knowledge:\n- part ${at} of project ${space} is tested before a commit\n`,
    rolloutSummary: `# Part ${at} of project ${space}\n\nThe part was mended.\n`,
    cwd: "/home/dev/shop",
  }));
}
