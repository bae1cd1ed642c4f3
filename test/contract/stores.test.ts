import { storeContract } from "../../src/testing/store/contract.ts";
import { WORLDS } from "./world.ts";

for (const [name, open] of WORLDS) storeContract(name, open);
