import { duration, moment } from "../text/duration.ts";
import { Line } from "../text/shown.tsx";
import type { View } from "../view.ts";
import { pickedSession, runsOf, toneOfSession } from "./filter.ts";
import { agentName, sentenceOf } from "./words.ts";

/** The session that is looked at: whose it was, where and when, what became of it, and its runs. */
export function SessionCard({ view }: { view: View }) {
  const { session, nowMs } = view;
  const state = session.state.value;
  const key = pickedSession(state) ?? state.detail?.run.session ?? null;
  const one = (state.sessions ?? []).find((each) => each.key === key);
  if (key === null || one === undefined) return null;
  const now = nowMs.value;
  const runs = runsOf(state, key);
  return (
    <section class="session-card" aria-label="Session">
      <p class={`became ${toneOfSession(one)}`}>
        <i class="dot" aria-hidden="true" />
        <b>
          <Line text={sentenceOf(one, now)} limit={300} />
        </b>
      </p>
      <dl>
        <Fact name="session" value={key} />
        <Fact
          name="agent"
          value={`${agentName(one.agent)}${one.version === null ? "" : ` ${one.version}`}`}
        />
        <Fact name="project" value={one.projectName} />
        <Fact name="branch" value={one.branch} />
        <Fact name="folder" value={one.cwd} />
        <Fact name="last word" value={one.saidAt === null ? null : moment(one.saidAt, now)} />
        <Fact name="lasted" value={lengthOf(one)} />
        <Fact name="read" value={one.persons === null ? null : turns(one.persons, one.tools ?? 0)} />
      </dl>
      {runs.length === 0 ? (
        <p class="hint">No run of it is kept; the chart shows the way that a session takes.</p>
      ) : (
        runs.length > 1 && (
          <fieldset class="filters" aria-label="Runs of the session">
            {runs.slice(0, RUNS_SHOWN).map(({ id, createdAtMs, outcome }) => (
              <button
                type="button"
                key={id}
                aria-pressed={id === state.run}
                onClick={() => session.select(id)}
              >
                {moment(createdAtMs, now)} {outcome ?? "running"}
              </button>
            ))}
          </fieldset>
        )
      )}
    </section>
  );
}

const RUNS_SHOWN = 8;

function lengthOf({
  firstAt,
  saidAt,
}: {
  readonly firstAt: number | null;
  readonly saidAt: number | null;
}): string | null {
  return firstAt === null || saidAt === null ? null : duration(Math.max(0, saidAt - firstAt));
}

function turns(persons: number, tools: number): string {
  return `${persons} ${persons === 1 ? "turn" : "turns"} of a person, ${tools} tool ${tools === 1 ? "call" : "calls"}`;
}

function Fact({ name, value }: { name: string; value: string | null }) {
  if (value === null || value === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Line text={value} limit={160} />
      </dd>
    </div>
  );
}
