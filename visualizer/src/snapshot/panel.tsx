import type { RunAnswer } from "../../../src/server/api.ts";
import { Json } from "../text/json.tsx";
import { Line } from "../text/shown.tsx";
import type { View } from "../view.ts";
import { changesOf } from "./changes.ts";

/** What the machine remembers at the moment that is looked at, and what the last step changed in it. */
export function SnapshotPanel({ view }: { view: View }) {
  const { seen, session } = view;
  const { snapshots, detail } = session.state.value;
  const step = seen.value.at(-1);
  if (step === undefined) return <p class="empty">No snapshot yet.</p>;
  const past = snapshots[step.sequence]?.snapshot;
  const isNewest = step.id === view.steps.value.at(-1)?.id;
  const actors = isNewest ? (detail?.actors ?? []) : [];
  const snapshot = past ?? (isNewest ? detail?.snapshot : undefined);
  const before = snapshots[step.sequence - 1]?.snapshot;
  const changes =
    before === undefined || snapshot === undefined ? null : changesOf(memory(before), memory(snapshot));
  return (
    <div class="snapshot">
      <div class="changes">
        <header>
          <h3>Changed by step {step.sequence}</h3>
          <span class="hint">
            <Line text={step.value} limit={60} />
          </span>
        </header>
        {changes?.length === 0 && <p class="empty">Nothing the machine remembers.</p>}
        {changes !== null && changes.length > 0 && (
          <dl>
            {changes.map(({ path, before: was, after }) => (
              <div key={path}>
                <dt>
                  <Line text={path} />
                </dt>
                {was !== undefined && (
                  <dd class="was">
                    <span class="hidden">was </span>
                    <Line text={JSON.stringify(was)} limit={160} />
                  </dd>
                )}
                {after !== undefined && (
                  <dd class="is">
                    <span class="hidden">is </span>
                    <Line text={JSON.stringify(after)} limit={160} />
                  </dd>
                )}
              </div>
            ))}
          </dl>
        )}
        {actors.length > 0 && <Actors actors={actors} />}
      </div>
      {snapshot === undefined ? (
        <p class="empty">Reading the snapshot …</p>
      ) : (
        <Json value={ordered(snapshot)} label="Snapshot" />
      )}
    </div>
  );
}

/** Who works for the run now: child machines where they stand, and what works beside them. */
function Actors({ actors }: { actors: RunAnswer["actors"] }) {
  return (
    <section class="actors" aria-label="Actors">
      <h3>Actors</h3>
      <dl>
        {actors.map(({ actor, state }) => (
          <div key={actor}>
            <dt>
              <Line text={actor} />
            </dt>
            <dd>
              <Line text={state} limit={160} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What people look for comes first; the output of an ended run repeats its context. */
function ordered(snapshot: unknown): unknown {
  const { status, value, context, children, output: _repeats, ...rest } = snapshot as Record<string, unknown>;
  return { status, value, context, children, ...rest };
}

/** The part of a snapshot that people mean: where it is, what it knows, who works for it. */
function memory(snapshot: unknown): unknown {
  const { status, value, context, children } = snapshot as Record<string, unknown>;
  const actors = Object.fromEntries(
    Object.keys((children as object | undefined) ?? {}).map((name) => [name, "at work"]),
  );
  return { status, value, context, actors };
}
