import type { RunResult } from "../domain/event.ts";
import type { Store } from "../domain/ports.ts";
import { createEngine, type Engine, type Run } from "../internal/engine.ts";
import { abortable, agentNamed } from "./agents.ts";
import type { Choices } from "./settings.ts";
import type { Invocation } from "./shell.ts";
import { openStore, rootOf } from "./store.ts";
import { yellow } from "./ui/paint.ts";
import { showProgress } from "./ui/progress.ts";
import { exitCodeOfSignal, type StopSignal, type World } from "./world.ts";

/** Shows the run until it ends. Rejects when this process has to leave it unfinished. */
export async function followed({ output, world }: Invocation, run: Run): Promise<RunResult> {
  const progress = showProgress(output, world.nowMs);
  const subscription = run.events$.subscribe((event) => progress.onEvent(event));
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
  const { runner, abortAll } = abortable(agentNamed(agent, how));
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
      output.info(isWorking(engine) ? CANCELLING : "Closing.");
      void engine.close();
    },
    force: abortAll,
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

/** What signals do while a run is under way. */
export interface Interrupt {
  /** The first signal that came; null while none did. */
  readonly signal: StopSignal | null;
  /** From now on signals end the process as usual. */
  release(): void;
}

/**
 * The first signal asks for the end, a second one forces it: `force` has two seconds, then the process is gone.
 */
export function interruptible(
  world: Pick<World, "onSignal" | "exit">,
  stop: { readonly ask: (signal: StopSignal) => void; readonly force: () => Promise<void> },
): Interrupt {
  let first: StopSignal | null = null;
  const release = world.onSignal((signal) => {
    if (first === null) {
      first = signal;
      stop.ask(signal);
      return;
    }
    const leave = () => {
      clearTimeout(patience);
      world.exit(exitCodeOfSignal(signal));
    };
    const patience = setTimeout(leave, 2_000);
    stop.force().then(leave, leave);
  });
  return {
    get signal() {
      return first;
    },
    release,
  };
}
