import { generationContract } from "./generations.ts";
import { jobContract } from "./jobs.ts";
import { memoryContract } from "./memories.ts";
import { ownerContract } from "./owners.ts";
import { runContract } from "./runs.ts";
import { storeContract } from "./store.ts";
import { WORLDS } from "./world.ts";

for (const [name, open] of WORLDS) {
  storeContract(name, open);
  jobContract(name, open);
  memoryContract(name, open);
  runContract(name, open);
  generationContract(name, open);
  ownerContract(name, open);
}
