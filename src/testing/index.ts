/**
 * For tests of what is built on Slowwave: the contracts of stores and of agents, and a clock that the test owns. Needs
 * vitest, which is not installed with Slowwave.
 */

export { type AgentUnderTest, agentContract } from "./agents.ts";
export { createTestClock, type TestClock } from "./clock.ts";
export { type OpenStore, type StoreContractPart, storeContract } from "./store/contract.ts";
export type { World } from "./store/given.ts";
