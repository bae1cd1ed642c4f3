import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";
import { AgentPanel } from "./agent/panel.tsx";
import { ArtifactsPanel } from "./artifacts/panel.tsx";
import { ChartPanel } from "./chart/panel.tsx";
import { CoveragePanel } from "./coverage/panel.tsx";
import { EventsPanel } from "./events/panel.tsx";
import { FleetPanel } from "./fleet/panel.tsx";
import { HeaderPanel } from "./header/panel.tsx";
import { Help } from "./keys/help.tsx";
import { obeyKeys } from "./keys/obey.ts";
import { SessionCard } from "./sessions/card.tsx";
import { SidePanel } from "./side/panel.tsx";
import { SnapshotPanel } from "./snapshot/panel.tsx";
import { TABS, type Tab } from "./state/address.ts";
import { Line } from "./text/shown.tsx";
import { visibleLine } from "./text/visible.ts";
import { TimelinePanel } from "./timeline/panel.tsx";
import type { View } from "./view.ts";
import { Welcome } from "./welcome.tsx";

const PANELS: Readonly<Record<Tab, (props: { view: View }) => preact.JSX.Element>> = {
  events: EventsPanel,
  snapshot: SnapshotPanel,
  agent: AgentPanel,
  artifacts: ArtifactsPanel,
  coverage: CoveragePanel,
};

/** Runs or sessions on the left; one run beside them: chart above, timeline and details below. One choice drives all. */
export function Page({ view }: { view: View }) {
  const { session } = view;
  const { run, session: picked, list, detail, connection } = session.state.value;
  const help = useSignal(false);
  const showsRuns = useSignal(run === null && picked === null && list !== "fleet");
  useEffect(() => {
    obeyKeys(view, () => {
      help.value = true;
    });
  }, []);
  const isFile = connection === "file";
  return (
    <main class={`page${showsRuns.value && !isFile ? " choosing" : ""}${isFile ? " alone" : ""}`}>
      {!isFile && (
        <SidePanel
          view={view}
          onChoose={() => {
            showsRuns.value = false;
          }}
        />
      )}
      <div class="work">
        <HeaderPanel
          view={view}
          onBack={() => {
            showsRuns.value = true;
          }}
          onHelp={() => {
            help.value = true;
          }}
        />
        {connection === "refused" || (isFile === false && location.protocol === "file:") ? (
          <Welcome view={view} />
        ) : list === "fleet" && !isFile ? (
          <FleetPanel view={view} />
        ) : (
          <>
            <SessionCard view={view} />
            <Reason view={view} />
            <ChartPanel view={view} />
            <div class="deck">
              <TimelinePanel view={view} />
              <Details view={view} />
            </div>
          </>
        )}
      </div>
      {help.value && (
        <Help
          onClose={() => {
            help.value = false;
          }}
        />
      )}
      <Notice view={view} />
      <p class="hidden" role="status">
        {detail !== null &&
          visibleLine(
            `Run ${detail.run.state === "active" ? `is in ${view.value.value}` : `ended: ${detail.run.status ?? ""}`}`,
          )}
      </p>
    </main>
  );
}

/** Why it ended so, and what to do, on the first screen. */
function Reason({ view }: { view: View }) {
  const { detail } = view.session.state.value;
  if (detail?.run.state === "active" && detail.owner.life === "dead") {
    return (
      <div class="reason" role="note" aria-label="Why it stands still">
        <code>owner dead</code>
        <p>
          The process that ran it is gone. `slowwave recover`, and the next `slowwave run` or `serve`, takes
          it over and brings it to its end.
        </p>
      </div>
    );
  }
  const reason = detail?.result?.reason;
  if (detail === null || reason == null) return null;
  const isQuiet = detail.result?.outcome === "skipped";
  return (
    <div class={`reason${isQuiet ? " quiet" : ""}`} role="note" aria-label="Why it ended so">
      <code>
        <Line text={reason.code} limit={60} />
      </code>
      <p>
        <Line text={reason.message} limit={600} />
        {reason.cause !== null && reason.cause !== "" && (
          <small>
            <Line text={reason.cause} limit={600} />
          </small>
        )}
      </p>
    </div>
  );
}

function Details({ view }: { view: View }) {
  const { tab } = view.session.state.value;
  const Panel = PANELS[tab];
  const move = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] ?? tab;
    view.session.send.tabChosen({ tab: next });
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <section class="details" aria-label="Details">
      <div class="tabs" role="tablist" aria-label="Details" tabIndex={-1} onKeyDown={move}>
        {TABS.map((each) => (
          <button
            type="button"
            key={each}
            id={`tab-${each}`}
            role="tab"
            tabIndex={each === tab ? 0 : -1}
            aria-selected={each === tab}
            aria-controls="panel"
            onClick={() => view.session.send.tabChosen({ tab: each })}
          >
            {each}
          </button>
        ))}
      </div>
      <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        <Guarded key={tab}>
          <Panel view={view} />
        </Guarded>
      </div>
    </section>
  );
}

/** What one panel cannot show leaves the others standing. */
function Guarded({ children }: { children: ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  if (error === undefined) return <>{children}</>;
  return (
    <div class="broken">
      <p class="empty bad">
        This panel cannot show this run: <Line text={String(error)} limit={300} />
      </p>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

const NOTICE_MS = 6_000;

function Notice({ view }: { view: View }) {
  const { notice } = view.session.state.value;
  useEffect(() => {
    if (notice === null) return;
    const timer = setTimeout(() => view.session.send.noticed({ notice: null }), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div class="notices" role="alert">
      {notice !== null && (
        <p class={`notice ${notice.tone}`}>
          <Line text={notice.text} limit={400} />
        </p>
      )}
    </div>
  );
}
