import type { ComponentChildren } from "preact";
import type { FleetAnswer } from "../../../src/server/api.ts";
import { duration } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import type { View } from "../view.ts";
import { beatTone, limitsText, tenantName } from "./words.ts";

type Worker = FleetAnswer["workers"][number];
type Tenant = FleetAnswer["tenants"][number];

/** The whole in five numbers. */
export function FleetSummary({ view }: { view: View }) {
  const { fleet } = view.session.state.value;
  if (fleet === null) return <p class="empty">Looking for workers…</p>;
  const takeovers = fleet.workers.reduce((sum, worker) => sum + worker.takeovers, 0);
  return (
    <dl class="fleet-summary" aria-label="Fleet in numbers">
      <Figure name="workers" value={fleet.workers.length} />
      <Figure name="running" value={fleet.running} />
      <Figure name="admitted" value={fleet.admitted} />
      <Figure name="due" value={fleet.due} />
      <Figure name="oldest due" value={ageText(fleet.oldestDueAtMs, fleet.nowMs)} />
      <Figure name="takeovers" value={takeovers} />
      {fleet.isPaused && <Figure name="admission" value="paused" />}
    </dl>
  );
}

function Figure({ name, value }: { name: string; value: number | string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{typeof value === "number" ? value.toLocaleString("en") : value}</dd>
    </div>
  );
}

/** Who works on this store, and of whom what waits, has a place and is at work. Times are the store's. */
export function FleetPanel({ view }: { view: View }) {
  const { fleet } = view.session.state.value;
  if (fleet === null) return <section class="fleet" aria-label="Fleet" />;
  const { workers, tenants, nowMs, isPaused, tenantOf, dueBy } = fleet;
  const busiest = Math.max(1, ...tenants.map(({ due, running, admitted }) => due + running + admitted));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="fleet" aria-label="Fleet" tabIndex={0}>
      {isPaused && (
        <p class="paused" role="note">
          Nothing is admitted: the fleet is paused. `slowwave fleet resume` goes on.
        </p>
      )}
      <Table
        title="Workers"
        columns={[
          "worker",
          "state",
          "at work",
          "limits",
          "takeovers",
          "leases lost",
          "last beat",
          "up",
          "version",
        ]}
      >
        {workers.map((worker) => (
          <WorkerLine key={worker.worker} worker={worker} nowMs={nowMs} />
        ))}
      </Table>
      {workers.length === 0 && (
        <p class="empty">No worker has reported in the last minute. `slowwave worker` starts one.</p>
      )}
      <Table title="Tenants" columns={["tenant", "running", "admitted", "due", "oldest due", "share"]}>
        {tenants.map((tenant) => (
          <TenantLine key={tenant.tenant} tenant={tenant} nowMs={nowMs} busiest={busiest} />
        ))}
      </Table>
      {tenants.length === 0 && <p class="empty">Nothing is due and nothing runs.</p>}
      <p class="hint">
        The tenant of a space is read from its key by <Line text={tenantOf} limit={40} />. Due is what this
        server would begin: {dueBy.retries} tries, and{" "}
        {dueBy.successCooldownSeconds === 0
          ? "no rest"
          : `${duration(dueBy.successCooldownSeconds * 1000)} of rest`}{" "}
        after a success. A worker that was started with other settings goes by those.
      </p>
    </section>
  );
}

function Table(props: { title: string; columns: readonly string[]; children: ComponentChildren }) {
  const { title, columns, children } = props;
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col" class={column}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function WorkerLine({ worker, nowMs }: { worker: Worker; nowMs: number }) {
  const { name, host, pid, state, running, concurrency, takeovers, leasesLost, version } = worker;
  const sinceMs = Math.max(0, nowMs - worker.beatAtMs);
  const clock = Math.abs(worker.clockOffsetMs);
  return (
    <tr>
      <th scope="row">
        <Line text={name} limit={60} />
        <small>
          <Line text={`${host} · ${pid}`} limit={60} />
        </small>
      </th>
      <td class={state}>{state}</td>
      <td>
        {running} of {concurrency}
      </td>
      <td>{limitsText(worker.limits)}</td>
      <td>{takeovers}</td>
      <td class={leasesLost > 0 ? "bad" : ""}>{leasesLost}</td>
      <td class={beatTone(sinceMs)}>
        {duration(sinceMs)} ago
        {clock >= LEAST_CLOCK_MS && <small>its clock is {duration(clock)} off</small>}
      </td>
      <td>{duration(Math.max(0, nowMs - worker.startedAtMs))}</td>
      <td>
        <Line text={version} limit={30} />
      </td>
    </tr>
  );
}

/** Clocks apart by less are not worth a word: the store's own decides. */
const LEAST_CLOCK_MS = 2_000;

function TenantLine({ tenant, nowMs, busiest }: { tenant: Tenant; nowMs: number; busiest: number }) {
  const { running, admitted, due, oldestDueAtMs, isPaused } = tenant;
  const part = (count: number) => `${(count / busiest) * 100}%`;
  return (
    <tr>
      <th scope="row">
        <Line text={tenantName(tenant.tenant)} limit={80} />
        {isPaused && <small class="paused">paused</small>}
      </th>
      <td>{running.toLocaleString("en")}</td>
      <td>{admitted.toLocaleString("en")}</td>
      <td>{due.toLocaleString("en")}</td>
      <td>{ageText(oldestDueAtMs, nowMs)}</td>
      <td class="share" aria-hidden="true">
        <i class="running" style={{ width: part(running) }} />
        <i class="admitted" style={{ width: part(admitted) }} />
        <i class="due" style={{ width: part(due) }} />
      </td>
    </tr>
  );
}

function ageText(sinceMs: number | null, nowMs: number): string {
  return sinceMs === null ? "–" : duration(Math.max(0, nowMs - sinceMs));
}
