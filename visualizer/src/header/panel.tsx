import { useRef } from "preact/hooks";
import { toneOfRun } from "../runs/filter.ts";
import { duration } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { ActionButtons } from "./actions.tsx";
import { leaseState } from "./lease.ts";

/** Which run, how it fares, whose it is, and what can be done about it. */
export function HeaderPanel({
  view,
  onBack,
  onHelp,
}: {
  view: View;
  onBack: () => void;
  onHelp: () => void;
}) {
  const { detail, run, session, list, connection, at } = view.session.state.value;
  // The fleet is no run's.
  const isFleet = list === "fleet" && connection !== "file";
  const name = isFleet ? "Fleet" : (session ?? detail?.run.session ?? run);
  const summary = isFleet ? undefined : detail?.run;
  const tone = summary === undefined ? "active" : toneOfRun(summary);
  const heading = useRef<HTMLHeadingElement>(null);
  return (
    <header class="top">
      <button type="button" class="quiet back" onClick={onBack}>
        ‹ {BACK[list]}
      </button>
      <div class="title">
        <h1 ref={heading} title={visibleLine(run === null ? (name ?? "") : `run ${run}`)}>
          {name === null ? "No run chosen" : <Line text={name} limit={60} />}
        </h1>
        {summary !== undefined && (
          <span class={`chip ${tone}`}>
            {tone === "active" ? "running" : tone}
            {tone === "active" && (
              <>
                {" · "}
                <Line text={view.value.value ?? ""} limit={60} />
              </>
            )}
          </span>
        )}
        {at !== null && !isFleet && (
          <button type="button" class="chip past" onClick={() => view.session.lookAt(null)}>
            at {duration(view.atMs.value - (view.visits.value[0]?.fromMs ?? view.atMs.value))} · back to{" "}
            {view.isOver.value ? "the end" : "now"}
          </button>
        )}
      </div>
      <ConnectionSign connection={connection} />
      {detail?.lease != null && !isFleet && <LeaseSign view={view} />}
      <ActionButtons view={view} onHelp={onHelp} />
    </header>
  );
}

const CONNECTION_TEXTS = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
  refused: "not admitted",
  file: "from a file",
} as const;

const BACK = { runs: "Runs", sessions: "Sessions", fleet: "Lists" } as const;

function ConnectionSign({ connection }: { connection: keyof typeof CONNECTION_TEXTS }) {
  return (
    <span class={`connection ${connection}`} role="status">
      <i aria-hidden="true" />
      {CONNECTION_TEXTS[connection]}
    </span>
  );
}

function LeaseSign({ view }: { view: View }) {
  const { detail } = view.session.state.value;
  const lease = detail?.lease;
  if (detail === null || lease == null) return null;
  const { tone, leftMs, part, sinceBeatMs } = leaseState(lease, view.nowMs.value);
  const beat = sinceBeatMs === null ? "no beat yet" : `beat ${duration(sinceBeatMs)} ago`;
  const { id, life } = detail.owner;
  return (
    <div class={`lease-sign ${tone}`} title="When this runs out, another worker may take the job.">
      <span>
        {tone === "lost" ? "lease lost" : `lease ${duration(leftMs)}`} <small>{beat}</small>
      </span>
      <div class="track" aria-hidden="true">
        <i style={{ width: `${part * 100}%` }} />
      </div>
      <small class={`owner ${life}`}>
        <Line text={`owner …${id.slice(-8)}`} limit={60} />{" "}
        {life === "unknown" ? "life unknown" : visibleLine(life)}
      </small>
    </div>
  );
}
