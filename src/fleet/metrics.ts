import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { FleetOverview } from "../domain/admission.ts";
import type { Clock } from "../domain/clock.ts";
import type { WorkerStatus } from "./worker-api.ts";

/** Tenants that are told by name; the others are told together, so that metrics stay few. */
const NAMED_TENANTS = 20;
/** The store is asked at most so often, however many collect. */
const FRESH_MS = 10_000;

interface Source {
  readonly status: () => WorkerStatus;
  readonly overview: (tenants: number) => Promise<FleetOverview>;
}

/**
 * What a worker and its fleet do, for OpenTelemetry; without an SDK in the host nothing is asked. Each worker tells the
 * whole fleet: take the largest, not the sum.
 *
 *   slowwave.fleet.due · .due.oldest_age (s) · .admitted · .running {tenant} · .workers
 *   slowwave.worker.running · .takeovers · .leases_lost · .beat_age (s)
 */
export function measureFleet(
  { status, overview }: Source,
  { clock, until }: { readonly clock: Clock; readonly until: AbortSignal },
): void {
  const meter = metrics.getMeter("slowwave");
  let asked: { readonly atMs: number; readonly answer: Promise<FleetOverview | null> } | null = null;

  function fleet(): Promise<FleetOverview | null> {
    if (asked !== null && clock.monotonicMs() - asked.atMs < FRESH_MS) return asked.answer;
    // A store that can't be reached tells nothing.
    asked = { atMs: clock.monotonicMs(), answer: overview(NAMED_TENANTS).catch(() => null) };
    return asked.answer;
  }

  const ofFleet = (
    name: string,
    description: string,
    observe: (fleet: FleetOverview, to: ObservableResult) => void,
    unit?: string,
  ) => {
    const gauge = meter.createObservableGauge(`slowwave.fleet.${name}`, {
      description,
      ...(unit && { unit }),
    });
    const callback = async (to: ObservableResult) => {
      const found = await fleet();
      if (found !== null) observe(found, to);
    };
    gauge.addCallback(callback);
    until.addEventListener("abort", () => gauge.removeCallback(callback));
  };
  ofFleet("due", "Spaces that wait for a place", ({ due }, to) => to.observe(due));
  ofFleet(
    "due.oldest_age",
    "How long the space that waits longest has waited",
    ({ oldestDueAtMs, nowMs }, to) =>
      to.observe(oldestDueAtMs === null ? 0 : Math.max(0, nowMs - oldestDueAtMs) / 1000),
    "s",
  );
  ofFleet("admitted", "Spaces that have a place and are not claimed yet", ({ admitted }, to) =>
    to.observe(admitted),
  );
  ofFleet("workers", "Workers that reported within a minute", ({ workers }, to) =>
    to.observe(workers.length),
  );
  ofFleet("running", "Spaces at work, by tenant", ({ running, tenants }, to) => {
    const named = tenants.slice(0, NAMED_TENANTS).filter((row) => row.running > 0);
    for (const { tenant, running: count } of named) to.observe(count, { tenant });
    const rest = running - named.reduce((sum, row) => sum + row.running, 0);
    if (rest > 0) to.observe(rest, { tenant: "(others)" });
  });

  const ofWorker = (
    name: string,
    description: string,
    value: (status: WorkerStatus) => number,
    unit?: string,
  ) => {
    const gauge = meter.createObservableGauge(`slowwave.worker.${name}`, {
      description,
      ...(unit && { unit }),
    });
    const callback = (to: ObservableResult) => to.observe(value(status()));
    gauge.addCallback(callback);
    until.addEventListener("abort", () => gauge.removeCallback(callback));
  };
  ofWorker("running", "Runs at work in this worker", ({ running }) => running);
  ofWorker("takeovers", "Runs that this worker took over since it began", ({ takeovers }) => takeovers);
  ofWorker("leases_lost", "Runs that this worker lost to another one", ({ leasesLost }) => leasesLost);
  ofWorker(
    "beat_age",
    "Since the store last had a report of this worker",
    ({ beatAgeMs }) => beatAgeMs / 1000,
    "s",
  );
}
