import { createHome } from "../internal/store.ts";
import type { Places } from "./places.ts";

/** Where a space's memory is. `--memory-root` is about the space of this invocation; others stay in the home. */
export function rootOf(places: Places, space: string): string {
  return places.memoryRoot !== null && space === places.space
    ? places.memoryRoot
    : createHome(places.home).rootOf(space);
}
