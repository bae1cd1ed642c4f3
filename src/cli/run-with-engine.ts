import type { RunEvent, RunResult } from "../domain/event.ts";
import type { Store } from "../domain/ports.ts";
import { describeState } from "../domain/status.ts";
import { createEngine, type Engine, type Run } from "../internal/engine.ts";
import { abortable, workingAgent } from "./agents.ts";
import type { Choices } from "./settings.ts";
import type { Invocation } from "./shell.ts";
import { memoryRoots, openStore } from "./store.ts";
import type { Output } from "./ui/output.ts";
import { clipped, cyan, dim, elapsed, green, type Line, red, yellow } from "./ui/text.ts";
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
  const { runner, abortAll } = abortable(workingAgent(world, agent, how));
  const store = await openStore(places, output);
  const engine = createEngine({
    ...settings,
    store,
    agent: runner,
    home: places.home,
    memoryRoot: memoryRoots(places),
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

/** How runs begin and end, for those who see the rest elsewhere. */
export function runLines(event: RunEvent): readonly Line[] {
  if (event.type === "run.started") {
    return [dim(`run ${event.run} of space ${event.space} ${event.adopted ? "is continued" : "begins"}`)];
  }
  if (event.type !== "run.finished") return [];
  return [dim(`run ${event.run} of space ${event.space}: ${event.result.outcome} (${event.result.status})`)];
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

/** What a run is doing, shown while it does it. */
export interface Progress {
  onEvent(event: RunEvent): void;
  /** Draws the last picture and stops moving. */
  end(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;

/** One moving block in a terminal, short lines anywhere else. */
function showProgress(output: Output, nowMs: () => number): Progress {
  return output.isLive ? liveProgress(output, nowMs) : plainProgress(output);
}

function plainProgress(output: Output): Progress {
  let printed: string | null = null;
  return {
    onEvent: (event) => {
      if (event.type === "state.entered") {
        const title = titleOf(event.state);
        if (title !== null && title !== printed) output.info(`  ${title}`);
        printed = title;
      }
      if (event.type === "budget.near") output.info(["    ", yellow(event.text)]);
      const message = messageOf(event);
      if (message !== null) output.info(["    ", dim(`agent: ${clipped(message, 200)}`)]);
    },
    end: () => {},
  };
}

/** What the agent says or does; its thoughts are for the transcript. */
function messageOf(event: RunEvent): string | null {
  if (event.type === "agent.message") return event.text;
  return event.type === "agent.tool" ? `${event.name} ${event.text}` : null;
}

/** Null for an ending. Steps within one part of the work are one line. */
function titleOf(state: string): string | null {
  return describeState(state)?.title ?? null;
}

interface Step {
  readonly title: string;
  readonly enteredAtMs: number;
  leftAtMs: number | null;
}

function liveProgress(output: Output, nowMs: () => number): Progress {
  const steps: Step[] = [];
  let message: string | null = null;
  let frame = 0;
  let hasFailed = false;
  const draw = () =>
    output.draw(picture({ steps, message, frame, hasFailed, nowMs: nowMs(), columns: output.columns }));
  const timer = setInterval(() => {
    frame = (frame + 1) % FRAMES.length;
    draw();
  }, FRAME_MS);
  timer.unref();
  return {
    onEvent: (event) => {
      if (event.type === "state.entered") {
        const last = steps.at(-1);
        const title = titleOf(event.state);
        if (last !== undefined && last.title !== title) last.leftAtMs ??= event.atMs;
        if (title === titleOf("failing")) hasFailed = true;
        if (title !== null && last?.title !== title)
          steps.push({ title, enteredAtMs: event.atMs, leftAtMs: null });
      } else message = event.type === "budget.near" ? event.text : (messageOf(event) ?? message);
      draw();
    },
    end: () => {
      clearInterval(timer);
      message = null;
      draw();
      output.finishDrawing("keep");
    },
  };
}

function picture(scene: {
  readonly steps: readonly Step[];
  readonly message: string | null;
  readonly frame: number;
  readonly hasFailed: boolean;
  readonly nowMs: number;
  readonly columns: number;
}): readonly Line[] {
  const { steps, message, frame, hasFailed, nowMs, columns } = scene;
  const lines = steps.map(({ title, enteredAtMs, leftAtMs }, at): Line => {
    const isBlamed = hasFailed && steps[at + 1]?.title === titleOf("failing");
    const mark = leftAtMs === null ? cyan(FRAMES[frame] ?? "·") : isBlamed ? red("✖") : green("✔");
    const spent = elapsed(Math.max(0, (leftAtMs ?? nowMs) - enteredAtMs));
    return [mark, ` ${title.padEnd(24)} `, dim(spent)];
  });
  if (message === null) return lines;
  return [...lines, ["  ", dim(clipped(`│ ${message}`, columns - 4))]];
}
