/**
 * For tests of what is built on Slowwave: the contract that every store passes, and a clock that the test owns. Needs
 * vitest, which is not installed with Slowwave.
 */
export { createTestClock, type TestClock } from "./clock.ts";
export { type OpenStore, type StoreContractPart, storeContract } from "./store/contract.ts";
export type { World } from "./store/given.ts";
