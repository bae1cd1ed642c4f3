import type { Store } from "../../domain/ports.ts";

/** Two doors to the same data: two stores where that is possible, else the same one twice. */
export interface World {
  readonly a: Store;
  readonly b: Store;
  /** Closes both and removes what they kept. */
  close(): Promise<void>;
}

/** Opens a store that holds nothing; called before each test. */
export type OpenWorld = () => Promise<World>;
