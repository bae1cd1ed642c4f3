import type { CommitRequest, Intent } from "../domain/run.ts";
import type { OpenIntents } from "./open-intents.ts";
import type { Effect } from "./transition.ts";

/** What a step does to a run's intents. */
export interface Plan {
  readonly opened: readonly Intent[];
  /** Keys. */
  readonly stopped: readonly string[];
}

/** Intents this step opens, and those it stops; what it opens and stops again never was; an ended run has none. */
export function planOf(
  effects: readonly Effect[],
  open: Pick<OpenIntents, "keys" | "of">,
  step: Pick<CommitRequest, "run" | "sequence" | "atMs" | "state">,
): Plan {
  if (step.state !== "active") return { opened: [], stopped: open.keys() };
  const opened: Intent[] = [];
  const stopped: string[] = [];
  for (const effect of effects) {
    if (effect.kind === "act") continue;
    const known = opened.findIndex(({ child }) => child === effect.child);
    if (known !== -1) opened.splice(known, 1);
    if (effect.kind === "stop") stopped.push(...open.of(effect.child));
    else opened.push(intentOf(effect, step));
  }
  return { opened, stopped };
}

function intentOf(
  effect: Exclude<Effect, { kind: "act" | "stop" }>,
  { run, sequence, atMs }: Pick<CommitRequest, "run" | "sequence" | "atMs">,
): Intent {
  const { kind, child } = effect;
  return {
    key: `${run}/${sequence}/${child}`,
    run,
    child,
    kind,
    src: kind === "start" ? effect.src : "timer",
    input: JSON.stringify(kind === "start" ? effect.input : effect.event),
    dueAtMs: kind === "timer" ? atMs + effect.delayMs : null,
  };
}
