import type { Store } from "../../domain/ports.ts";
import { actorContract } from "./actors.ts";
import { claimContract } from "./claims.ts";
import { commitContract } from "./commits.ts";
import { generationContract } from "./generations.ts";
import { memoryContract } from "./memories.ts";
import type { OpenWorld, World } from "./opened-store.ts";
import { ownerContract } from "./owners.ts";
import { purgeContract } from "./purge-rights.ts";
import { retentionContract } from "./retention.ts";
import { runContract } from "./runs.ts";
import { settlementContract } from "./settlements.ts";
import { lifeContract } from "./store.ts";

const CONTRACTS = {
  life: lifeContract,
  claims: claimContract,
  settlements: settlementContract,
  commits: commitContract,
  memories: memoryContract,
  runs: runContract,
  actors: actorContract,
  generations: generationContract,
  purge: purgeContract,
  retention: retentionContract,
  owners: ownerContract,
} satisfies Record<string, (name: string, open: OpenWorld) => void>;

/** The parts of the contract, in the order in which a new store is best made to pass them. */
export type StoreContractPart = keyof typeof CONTRACTS;

/** What a test opens: a store, or two of them on the same data. */
export type OpenStore = () => Promise<Store | World>;

/**
 * Declares the tests that every store passes, in vitest. Call it at the top of a test file; `open` is called before each
 * test and answers a store that holds nothing, or two (`{ a, b, close }`) that share their data, which proves more.
 * `parts`: these alone, while a store is being written. Default: all.
 *
 * ```ts
 * storeContract("my store", async () => openMyStore(), { parts: ["claims", "settlements"] });
 * ```
 */
export function storeContract(
  name: string,
  open: OpenStore,
  {
    parts = Object.keys(CONTRACTS) as StoreContractPart[],
  }: { readonly parts?: readonly StoreContractPart[] } = {},
): void {
  const openWorld = async (): Promise<World> => {
    const opened = await open();
    return "a" in opened ? opened : { a: opened, b: opened, close: () => opened.close() };
  };
  for (const part of parts) CONTRACTS[part](name, openWorld);
}
