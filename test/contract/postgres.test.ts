import { storeContract } from "../../src/testing/store/contract.ts";
import { postgresWorld } from "./postgres-world.ts";

storeContract("two postgres stores", postgresWorld({ major: 15, doors: 2 }));
