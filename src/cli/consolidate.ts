import type { Store } from "../domain/ports.ts";
import type { RunResult } from "../domain/result.ts";
import { createEngine, type Engine, type Run } from "../internal/engine.ts";
import { agentNamed, endable } from "./agent-named.ts";
import { exitCodeOf } from "./exit-code.ts";
import { interruptible } from "./interrupt.ts";
import { bold, dim, yellow } from "./paint.ts";
import { showProgress } from "./progress.ts";
import { reportRun } from "./report.ts";
import { rootOf } from "./root-of.ts";
import { type Choices, choicesFrom, type FlagValues } from "./settings.ts";
import type { Invocation } from "./shell.ts";
import { openStore } from "./store.ts";
import { exitCodeOfSignal } from "./world.ts";

export interface RunFlags {
  readonly values: FlagValues;
  readonly now: boolean;
  readonly strict: boolean;
  readonly dryRun: boolean;
}

/** `slowwave run`: one consolidation in the foreground; returns the exit code. */
export async function consolidate(at: Invocation, flags: RunFlags): Promise<number> {
  const { places, output } = at;
  const choices = choicesFrom(flags.values, at.world.env, places.configFile);
  return withEngine(at, choices, async (engine) => {
    const run = await engine.start({
      space: places.space,
      now: flags.now,
      dryRun: flags.dryRun,
    });
    if (run.adopted) {
      output.say([bold(`continuing run ${run.id}`), " left unfinished by a process that died"]);
    } else output.say(dim(`run ${run.id} of space ${run.space} (agent ${choices.agent})`));
    const result = await followed(at, run);
    if (at.json) output.printJson(result);
    else reportRun(result, rootOf(places, run.space), output);
    return exitCodeOf(result, flags);
  });
}

/** Shows the run until it ends. Rejects when this process has to leave it unfinished. */
export async function followed({ output, world }: Invocation, run: Run): Promise<RunResult> {
  const progress = showProgress(output, world.nowMs);
  const subscription = run.events$.subscribe((event) => progress.hear(event));
  try {
    return await run.result;
  } finally {
    subscription.unsubscribe();
    progress.end();
  }
}

const CANCELLING = yellow(
  "Cancelling; the job is released first. Once more ends the agent and leaves at once.",
);

function isWorking(engine: Engine): boolean {
  return engine.runs.getSnapshot().context.runs.some(({ result }) => result === null);
}

/**
 * Opens the store and an engine, does the work, and closes both in any case. A signal cancels every run that
 * lives and waits for its release; then the exit code is the signal's, unless the run was past the point of no return.
 */
export async function withEngine(
  at: Invocation,
  { settings, agent, ...how }: Choices,
  work: (engine: Engine, store: Store) => Promise<number>,
): Promise<number> {
  const { places, world, output } = at;
  const { runner, endAll } = endable(agentNamed(agent, how));
  const store = await openStore(places, output);
  const engine = createEngine({
    ...settings,
    store,
    agent: runner,
    home: places.home,
    memoryRoot: (space) => rootOf(places, space),
  });
  const interrupt = interruptible(world, {
    ask: () => {
      output.say(isWorking(engine) ? CANCELLING : "Closing.");
      void engine.close();
    },
    force: endAll,
  });
  try {
    const code = await work(engine, store);
    return interrupt.signal === null || code === 0 ? code : exitCodeOfSignal(interrupt.signal);
  } catch (error) {
    // Closed before the run began: there is nothing else to tell.
    if (interrupt.signal !== null) return exitCodeOfSignal(interrupt.signal);
    throw error;
  } finally {
    await engine.close();
    await store.close();
    interrupt.release();
  }
}
