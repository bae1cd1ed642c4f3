import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

/**
 * Kills the process with -9 as soon as it says something on stdout, and waits until it is gone; rejects when it
 * ends without a word. Listens to its end from the start: a process that is dead already never tells it again.
 */
export async function killAtFirstWord(child: ChildProcess & { readonly stdout: Readable }): Promise<void> {
  const exit = once(child, "exit");
  const silent = exit.then(([code, signal]) => {
    throw new Error(`The process ended without a word: ${code ?? signal}.`);
  });
  await Promise.race([once(child.stdout, "data"), silent]);
  child.kill("SIGKILL");
  await exit;
}
