import { setImmediate } from "node:timers/promises";

const STEPS = 64;

/**
 * For long loops without I/O: every so many steps the event loop gets its turn, so that heartbeats and agents
 * are served meanwhile.
 */
export function breath(): () => Promise<void> | void {
  let steps = 0;
  return () => {
    steps += 1;
    if (steps % STEPS === 0) return setImmediate();
  };
}
