import type { StopSignal, World } from "./world.ts";

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The real process. */
export function processWorld(): World {
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that went away (`| head`) is no reason to stop a run; anything else is told by the write itself.
    stream.on("error", () => {});
  }
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    nowMs: () => Date.now(),
    onSignal: (listener) => {
      const listeners = SIGNALS.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, onSignal] of listeners) process.on(signal, onSignal);
      return () => {
        for (const [signal, onSignal] of listeners) process.off(signal, onSignal);
      };
    },
    exit: (code) => process.exit(code),
  };
}
