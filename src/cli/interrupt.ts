import { exitCodeOfSignal, type StopSignal, type World } from "./world.ts";

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
