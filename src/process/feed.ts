import type { ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";

/** Gives a child what it reads from its descriptors 3, 4, …; started with a pipe for each. */
export function feed(child: ChildProcess, feeds: readonly Uint8Array[]): void {
  for (const [at, bytes] of feeds.entries()) {
    const pipe = child.stdio[3 + at] as Writable | null | undefined;
    // A child that died before it read them tells so by its exit.
    pipe?.on("error", () => {}).end(bytes);
  }
}
