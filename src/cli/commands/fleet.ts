import type { Command } from "commander";
import type { FleetOverview, TenantRow, WorkerRow } from "../../domain/admission.ts";
import { nothingHere } from "../maintenance.ts";
import { choicesFrom } from "../settings.ts";
import { countOption, EXIT, examples, type Invocation, invocation, type Shell } from "../shell.ts";
import { openExistingStore } from "../store.ts";
import { about, bold, clipped, counted, dim, type Line, yellow } from "../ui/text.ts";

type End = (code: Promise<number>) => Promise<void>;

export function addFleet(program: Command, shell: Shell, end: End): void {
  const fleet = program
    .command("fleet")
    .summary("workers, and what is due and at work by tenant")
    .description("Shows who works on the store, and by tenant what is due, admitted and at work.")
    .addOption(countOption("--tenants <n>", "how many tenants to list, the busiest first", 20))
    .addHelpText(
      "after",
      examples("slowwave fleet", "slowwave fleet --json", "slowwave fleet pause --tenant acme"),
    )
    .action(({ tenants }: { tenants: number }, command: Command) =>
      end(showFleet(invocation(shell, command), tenants)),
    );
  for (const name of ["pause", "resume"] as const) {
    fleet
      .command(name)
      .summary(name === "pause" ? "begin nothing more" : "begin what is due again")
      .description(
        name === "pause"
          ? "Nothing more is begun for one tenant, or for all; what runs goes on to its end."
          : "What is due is begun again, for one tenant or for all.",
      )
      .option("--tenant <name>", 'this tenant alone; "" is that of spaces without one')
      .addHelpText("after", examples(`slowwave fleet ${name}`, `slowwave fleet ${name} --tenant acme --json`))
      .action(({ tenant }: { tenant?: string }, command: Command) =>
        end(pause(invocation(shell, command), { tenant: tenant ?? null, isPaused: name === "pause" })),
      );
  }
}

async function pause(
  at: Invocation,
  request: { readonly tenant: string | null; readonly isPaused: boolean },
): Promise<number> {
  const store = await openExistingStore(at.places);
  if (store === null) throw nothingHere();
  try {
    await store.admissions.pause(request);
  } finally {
    await store.close();
  }
  if (at.json) at.output.printJson(request);
  else {
    const who = request.tenant === null ? "The fleet" : `Tenant ${shown(request.tenant)}`;
    at.output.print(request.isPaused ? `${who} is paused: nothing more is begun.` : `${who} goes on.`);
  }
  return EXIT.ok;
}

/** `slowwave fleet`; returns the exit code. */
async function showFleet(at: Invocation, limit: number): Promise<number> {
  const { places, world, output, json } = at;
  const { successCooldownSeconds, retries } = choicesFrom({}, world.env, places.configFile).settings;
  const terms = { successCooldownSeconds, retries, nowMs: world.nowMs(), tenants: limit };
  const store = await openExistingStore(places);
  const fleet = await (store === null
    ? EMPTY
    : store.admissions.overview(terms).finally(() => store.close()));
  if (json) output.printJson(documentOf(fleet));
  else output.print(...linesOf(fleet));
  return EXIT.ok;
}

const EMPTY: FleetOverview = {
  nowMs: 0,
  tenantOf: "prefix:/",
  isPaused: false,
  workers: [],
  tenants: [],
  due: 0,
  admitted: 0,
  running: 0,
  oldestDueAtMs: null,
};

function documentOf(fleet: FleetOverview) {
  const { workers, tenants, due, admitted, running, isPaused, tenantOf } = fleet;
  return {
    workers: workers.map(({ beatAtMs, ...worker }) => ({ ...worker, beatAgeSeconds: age(fleet, beatAtMs) })),
    tenants: tenants.map(({ oldestDueAtMs, ...row }) => ({
      ...row,
      limit: limitFor(row.tenant, workers),
      oldestDueSeconds: oldestDueAtMs === null ? null : age(fleet, oldestDueAtMs),
    })),
    due,
    admitted,
    running,
    oldestDueSeconds: fleet.oldestDueAtMs === null ? null : age(fleet, fleet.oldestDueAtMs),
    takeovers: workers.reduce((sum, worker) => sum + worker.takeovers, 0),
    isPaused,
    tenantOf,
  };
}

/** The lowest that a worker goes by; null: none has one. */
function limitFor(tenant: string, workers: readonly WorkerRow[]): number | null {
  const limits = workers.flatMap(({ limits: { tenant: most, tenants = {} } }) => {
    const limit = Object.hasOwn(tenants, tenant) ? tenants[tenant] : most;
    return limit == null ? [] : [limit];
  });
  return limits.length === 0 ? null : Math.min(...limits);
}

function age({ nowMs }: FleetOverview, atMs: number): number {
  return Math.max(0, Math.round((nowMs - atMs) / 1000));
}

function linesOf(fleet: FleetOverview): readonly Line[] {
  const { workers, tenants, due, admitted, running, oldestDueAtMs, isPaused } = fleet;
  const oldest = oldestDueAtMs === null ? "" : `, the oldest for ${about(age(fleet, oldestDueAtMs))}`;
  return [
    [
      bold(`${counted(workers.length, "worker")} · ${running} running · ${admitted} admitted · ${due} due`),
      oldest,
    ],
    ...(isPaused ? [[yellow("paused"), " · nothing more is begun; `slowwave fleet resume`"]] : []),
    ...workers.map((worker) => workerLine(worker, fleet)),
    ...(workers.length === 0
      ? [dim("no worker reported within a minute; `slowwave worker` starts one")]
      : []),
    ...tenants.map((row) => tenantLine(row, fleet)),
  ];
}

function workerLine(worker: WorkerRow, fleet: FleetOverview): Line {
  const { name, host, version, state, concurrency, running, takeovers, leasesLost, beatAtMs, clockOffsetMs } =
    worker;
  const more = [
    `${running}/${concurrency} running`,
    `reported ${age(fleet, beatAtMs)} s ago`,
    ...(takeovers > 0 ? [`${counted(takeovers, "run")} taken over`] : []),
    ...(leasesLost > 0 ? [`${counted(leasesLost, "lease")} lost`] : []),
    ...(Math.abs(clockOffsetMs) > 1_000 ? [clockText(clockOffsetMs)] : []),
    ...(version === "" ? [] : [version]),
  ];
  const isEnding = state === "draining";
  return [
    `  ${clipped(name, 40)}`,
    dim(` on ${clipped(host, 40)} · ${more.join(" · ")}`),
    isEnding ? yellow(" · ending") : "",
  ];
}

/** `offsetMs`: how far the store's clock is ahead. */
function clockText(offsetMs: number): string {
  return `clock ${about(Math.round(Math.abs(offsetMs) / 1000))} ${offsetMs > 0 ? "behind" : "ahead of"} the store's`;
}

function tenantLine(
  { tenant, due, admitted, running, oldestDueAtMs, isPaused }: TenantRow,
  fleet: FleetOverview,
): Line {
  const limit = limitFor(tenant, fleet.workers);
  const oldest = oldestDueAtMs === null ? "" : `, the oldest for ${about(age(fleet, oldestDueAtMs))}`;
  const of = limit === null ? "" : ` of ${limit}`;
  return [
    `  ${shown(tenant)}`,
    dim(` · ${running + admitted}${of} at work · ${due} due${oldest}`),
    isPaused ? yellow(" · paused") : "",
  ];
}

function shown(tenant: string): string {
  return tenant === "" ? "(no tenant)" : clipped(tenant, 60);
}
