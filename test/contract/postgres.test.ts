import { type StoreContractPart, storeContract } from "../../src/testing/store/contract.ts";
import { postgresWorld } from "./postgres-world.ts";

/** All but `admissions`, which this store does not have yet. */
const PARTS: readonly StoreContractPart[] = [
  "life",
  "claims",
  "settlements",
  "due",
  "clock",
  "commits",
  "order",
  "memories",
  "runs",
  "actors",
  "generations",
  "purge",
  "retention",
  "liveness",
  "sessions",
  "projects",
  "connections",
];

storeContract("two postgres stores", postgresWorld({ major: 15, doors: 2 }), { parts: PARTS });
