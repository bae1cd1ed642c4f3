import { titleOf } from "../events/kinds.ts";
import { duration } from "../text/duration.ts";
import type { View } from "../view.ts";

/** One sentence about what was picked, else about where the run is: what the machine's authors say of it. */
export function Caption({ view }: { view: View }) {
  const { chart, value, times, taken } = view;
  const { picked } = view.session.state.value;
  const transition = chart.transitions.find(({ id }) => id === picked);
  if (transition !== undefined) {
    const { source, target, event, guard, description } = transition;
    const count = taken.value.get(transition.id)?.count ?? 0;
    return (
      <p class="caption">
        <b>
          {source === chart.id ? "any state" : source} → {target ?? "stays"}
        </b>
        <code>
          {titleOf({ type: event })}
          {guard !== null && ` [${guard}]`}
        </code>
        <span>{description}</span>
        {count > 0 && <em>taken {count === 1 ? "once" : `${count} times`}</em>}
      </p>
    );
  }
  const path = picked ?? value.value;
  const state = chart.states.find((each) => each.path === path);
  if (state === undefined) return <p class="caption" />;
  const time = times.value.get(state.path);
  return (
    <p class="caption">
      <b>{state.path}</b>
      <span>{state.description}</span>
      {time !== undefined && state.kind !== "final" && <em>{duration(time)}</em>}
    </p>
  );
}
