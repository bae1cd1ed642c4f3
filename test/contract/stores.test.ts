import { CONTRACT_PARTS, storeContract } from "../../src/testing/store/contract.ts";
import { WORLDS } from "./world.ts";

/** Where every operation is asked twice: once in memory, and once where the two doors show most. */
const REPEATED = ["memory", "two sqlite stores on one file"];

for (const [name, open] of WORLDS) {
  const parts = CONTRACT_PARTS.filter((part) => part !== "repeats" || REPEATED.includes(name));
  storeContract(name, open, { parts });
}
