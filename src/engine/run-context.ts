import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRunner } from "../domain/agent.ts";
import type { Clock, Ids } from "../domain/clock.ts";
import type { RunHold } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import { MAX_REPAIRS, MAX_RESTARTS, type Settings } from "../domain/settings.ts";
import type { Files } from "../files/folder.ts";
import type { Phase2Input } from "../machines/context.ts";
import { phase2Actors } from "./actors.ts";
import type { Home } from "./home.ts";

/** What every run of one process shares. */
export interface RunEnvironment {
  readonly store: Store;
  readonly runner: AgentRunner;
  readonly registry: AgentRegistry;
  readonly home: Home;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly files: Files;
}

/** What one run was begun with; a process that takes it over finds the same in its context. */
export interface RunTerms {
  readonly settings: Settings;
  /** Where its memory is published; absolute. */
  readonly root: string;
  /** Unix milliseconds; null = no limit. */
  readonly deadlineAtMs: number | null;
}

/** The terms of a run that begins now: its time runs from here. */
export function termsOf({ home, clock }: RunEnvironment, space: string, settings: Settings): RunTerms {
  const { maxRunMinutes } = settings;
  const deadlineAtMs = maxRunMinutes === null ? null : clock.nowMs() + maxRunMinutes * 60_000;
  return { settings, root: home.rootOf(space), deadlineAtMs };
}

/** The machine's input for a run that begins now, with a claim token of its own. */
export function inputOf(
  { ids, runner }: RunEnvironment,
  { run, space, now, dryRun }: { run: string; space: string; now: boolean; dryRun: boolean },
  { settings, root, deadlineAtMs }: RunTerms,
): Phase2Input {
  return {
    run,
    space,
    root,
    token: ids.token(),
    deadlineAtMs,
    force: now,
    ...(dryRun ? { dryRun } : {}),
    settings,
    maxRepairs: runner.singleTurn ? 0 : MAX_REPAIRS,
    maxRestarts: MAX_RESTARTS,
  };
}

/** The machine's actors, bound to one run in this process. `worker`: the owner id that its claim names. */
export function openRun(
  environment: RunEnvironment,
  { hold, worker, homeId }: { hold: RunHold; worker: string; homeId: string },
  { settings, root, deadlineAtMs }: RunTerms,
) {
  const places = { ...environment.home.placesOf(hold.space, hold.run), root };
  return phase2Actors({ ...environment, hold, places, homeId, worker, settings, deadlineAtMs });
}
