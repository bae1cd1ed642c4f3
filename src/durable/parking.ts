import type { Clock } from "../domain/clock.ts";
import { causeOf } from "../domain/failure.ts";
import type { RunRecord } from "../domain/run.ts";
import type { DurableOptions, ParkedRun } from "./options.ts";
import type { Values } from "./plain-event.ts";
import type { PreparedMachine } from "./prepared-machine.ts";
import type { storedRuns } from "./stored-runs.ts";
import { missingInActors, type Successor, successorOf, type VersionedMachine } from "./versions.ts";

interface ParkingEngine {
  readonly options: DurableOptions;
  readonly machines: readonly VersionedMachine[];
  readonly clock: Clock;
  readonly values: Values;
  readonly stored: ReturnType<typeof storedRuns>;
  prepare(machine: VersionedMachine["machine"]): PreparedMachine;
  isLive(run: string): boolean;
}

/** Which runs this engine can go on with, and what becomes of the others. */
export interface Parking {
  successorOf(record: RunRecord): Promise<Successor>;
  /** A run that no machine here can go on with stays where it is, or ends as parked where the host wants that. */
  park(record: RunRecord, reason: string): Promise<void>;
  parked(): Promise<readonly ParkedRun[]>;
}

export function parking({
  options,
  machines,
  clock,
  values,
  stored,
  prepare,
  isLive,
}: ParkingEngine): Parking {
  const { actors, migrate, examine, store, unknownVersions = "leave" } = options;
  /** Runs that the host was told of. */
  const reported = new Set<string>();

  async function successor(record: RunRecord): Promise<Successor> {
    const found = successorOf(record, machines, {
      prepare,
      migrate,
      parse: values.parse,
      stringify: (value) => values.textOf(value, "The migrated state"),
      isGiven: (src) => typeof actors === "function" || actors?.[src] !== undefined,
    });
    if (found.kind === "none") return found;
    try {
      const rows = found.of.hash === record.hash ? [] : await store.runs.actors(record.id);
      const missing = missingInActors(found.of.machine, rows, values.parse);
      if (missing !== null) return { kind: "none", why: `its state cannot be read: ${missing}` };
      stored.restore(found.of.machine, found.snapshot);
      examine?.(record);
      return found;
    } catch (error) {
      return { kind: "none", why: `its state cannot be read: ${causeOf(error)}` };
    }
  }

  return {
    successorOf: successor,
    async park(record, reason) {
      const { id: run, fence } = record;
      if (unknownVersions === "park") {
        const isParked = await store.runs.park({ run, fence, reason, nowMs: clock.nowMs() });
        if (isParked) await options.parked?.(record);
        return;
      }
      if (reported.has(run)) return;
      reported.add(run);
      await options.parked?.(record);
    },
    async parked() {
      const waiting: ParkedRun[] = [];
      for (const record of await stored.unfinished()) {
        if (isLive(record.id)) continue;
        const found = await successor(record);
        const { id, space, machine, version } = record;
        if (found.kind === "none") waiting.push({ id, space, machine, version, why: found.why });
      }
      return waiting;
    },
  };
}
