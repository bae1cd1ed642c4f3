import { CONTRACT_PARTS, storeContract } from "../../src/testing/store/contract.ts";
import { postgresWorld } from "./postgres-world.ts";

// Every operation twice, the other server, one store alone and the pooler are in `test/long`.
const parts = CONTRACT_PARTS.filter((part) => part !== "repeats");

storeContract("two postgres stores", postgresWorld({ major: 15, doors: 2 }), { parts });
